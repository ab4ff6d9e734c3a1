from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.engine import engines
from reviewer.engine.config import ModelConfig
from reviewer.engine.install import pins
from reviewer.engine.models import catalog
from reviewer.engine.models.safetensors import Weights
from reviewer.engine.planning import launch, plan_text
from reviewer.engine.planning.hardware import GIB, Gpu, Hardware
from reviewer.engine.planning.plan import PlanRefusedError, make_plan
from reviewer.errors import ConfigError, ExitCode, InsufficientMemoryError
from tests.engine.models.test_catalog import ENTRIES

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.catalog import CatalogModel
    from reviewer.engine.planning.memory_plan import MemoryPlan

GB = 10**9
MODELS = catalog.models()


def mac(gigabytes: int, *, free: float = 0.75, wired: float | None = None) -> Hardware:
    total = gigabytes * GIB
    share = (10.5 / 16 if gigabytes <= 16 else 0.75) if wired is None else wired
    return Hardware(
        system="Darwin",
        machine="arm64",
        total_bytes=total,
        available_bytes=int(total * free),
        cpu_cores=8,
        visible_cores=8,
        cpu_flags=frozenset({"bf16"}),
        unified=True,
        wired_limit_bytes=int(total * share),
    )


def pc(available_gb: float, *, flags: str = "avx2", cores: int = 8, gpus: tuple[Gpu, ...] = ()) -> Hardware:
    return Hardware(
        system="Linux",
        machine="x86_64",
        total_bytes=int(available_gb * 1.25 * GB),
        available_bytes=int(available_gb * GB),
        cpu_cores=cores,
        visible_cores=cores,
        cpu_flags=frozenset(flags.split()),
        gpus=gpus,
    )


def gpu(gigabytes: int, *, free: float = 0.97, capability: tuple[int, int] = (8, 9)) -> Gpu:
    total = gigabytes * GIB
    return Gpu(name="GPU", total_bytes=total, free_bytes=int(total * free), compute_capability=capability)


VLLM = pins.environment_pin("cpu").version
AMX = "avx2 avx512f avx512_bf16 amx_bf16"


def known(name: str) -> CatalogModel:
    model = catalog.get(name)
    assert model is not None
    return model


def plan(machine: Hardware, name: str = catalog.DEFAULT, **config: object) -> MemoryPlan:
    asked = ModelConfig(model=name, **config)  # type: ignore[arg-type]
    return make_plan(machine, known(name), asked, vllm_version=VLLM)


DEFAULT_TABLE = [
    # machine, form, context, part of a step
    pytest.param(mac(128), "mxfp4", 8192, "is not officially published", id="Mac 128 GB"),
    pytest.param(mac(32), "mxfp4", 4096, "", id="Mac 32 GB"),
    pytest.param(mac(24, wired=0.75), "mxfp4", 4096, "", id="Mac 24 GB"),
    pytest.param(mac(16), "refused", 0, "", id="Mac 16 GB"),
    pytest.param(mac(8), "refused", 0, "", id="Mac 8 GB"),
    pytest.param(pc(60, flags=AMX), "mxfp4", 8192, "is not officially published", id="server with AMX"),
    pytest.param(pc(22, flags=AMX), "mxfp4", 4096, "", id="24 GB with AMX"),
    pytest.param(pc(60, flags="avx2 avx512_bf16"), "refused", 0, "", id="no AMX"),
    pytest.param(pc(12), "refused", 0, "", id="laptop without a GPU, 16 GB"),
    pytest.param(pc(6), "refused", 0, "", id="laptop without a GPU, 8 GB"),
    pytest.param(pc(50, gpus=(gpu(24),)), "mxfp4", 4096, "", id="one GPU of 24 GB"),
    pytest.param(pc(50, gpus=(gpu(24), gpu(24))), "mxfp4", 8192, "", id="two GPUs of 24 GB"),
    pytest.param(pc(50, gpus=(gpu(12), gpu(12))), "mxfp4", 4096, "2 GPUs", id="two GPUs of 12 GB"),
    pytest.param(pc(90, gpus=(gpu(80),)), "mxfp4", 8192, "is not officially published", id="one GPU of 80 GB"),
    pytest.param(pc(50, gpus=(gpu(8),)), "refused", 0, "", id="one GPU of 8 GB"),
]


@pytest.mark.parametrize(("machine", "form", "context", "step"), DEFAULT_TABLE)
def test_the_default_model(machine: Hardware, form: str, context: int, step: str) -> None:
    if form == "refused":
        with pytest.raises(PlanRefusedError) as caught:
            plan(machine)
        assert re.search(r"needs at least \d+\.\d GB, the limit is [\d.]+ GB |needs AMX", caught.value.message)
        assert caught.value.exit_code == ExitCode.ENGINE
        return
    chosen = plan(machine)
    assert (chosen.quantization, chosen.max_model_len) == (form, context)
    assert step in " ".join(chosen.steps)


def test_smallest_form_is_mxfp4() -> None:
    """Below 16 GB the tier asks for int4, which would not be smaller: the refusal says so."""
    with pytest.raises(PlanRefusedError) as caught:
        plan(pc(15, flags=AMX))
    assert "int4 is preferred with 15.0 GB available, but the smallest form is mxfp4" in (caught.value.hint or "")
    asked = plan(pc(30, flags=AMX), quantization="int4")
    assert asked.quantization == "mxfp4"
    assert "int4 was requested, but the smallest form is mxfp4" in asked.steps[0]


TABLE = [
    # machine, model, quantization, dtype, device
    pytest.param(mac(8), "qwen2.5-coder-0.5b", "none", "bfloat16", "metal", id="Mac 8 GB, small"),
    pytest.param(mac(16), "qwen2.5-coder-7b", "int4", "bfloat16", "metal", id="Mac 16 GB"),
    pytest.param(mac(32), "qwen2.5-coder-14b", "int4", "bfloat16", "metal", id="Mac 32 GB"),
    pytest.param(mac(128), "gpt-oss-120b", "mxfp4", "bfloat16", "metal", id="Mac 128 GB"),
    pytest.param(pc(6), catalog.SMALLEST, "none", "float32", "cpu", id="laptop 8 GB"),
    pytest.param(pc(13), "qwen2.5-coder-1.5b", "none", "float32", "cpu", id="laptop 16 GB"),
    pytest.param(pc(24), "qwen2.5-coder-7b", "none", "bfloat16", "cpu", id="float32 too large, emulated bfloat16"),
    pytest.param(pc(24, flags="avx512_bf16"), "qwen2.5-coder-7b", "none", "bfloat16", "cpu", id="server of 30 GB"),
    pytest.param(pc(40, gpus=(gpu(24),)), "qwen2.5-coder-7b", "none", "bfloat16", "cuda", id="24 GB GPU"),
    pytest.param(pc(40, gpus=(gpu(24),)), "qwen2.5-coder-32b", "int4", "bfloat16", "cuda", id="24 GB GPU, 32B"),
    pytest.param(pc(40, gpus=(gpu(24), gpu(24))), "qwen2.5-coder-14b", "none", "bfloat16", "cuda", id="2 x 24 GB"),
    pytest.param(pc(40, flags=AMX), "devstral-small-2", "fp8", "bfloat16", "cpu", id="FP8 with AMX"),
    pytest.param(pc(40, gpus=(gpu(48),)), "qwen3-coder-30b", "fp8", "bfloat16", "cuda", id="48 GB GPU"),
    pytest.param(pc(99, gpus=(gpu(80),)), "qwen3-coder-30b", "none", "bfloat16", "cuda", id="80 GB GPU"),
    pytest.param(
        pc(40, gpus=(gpu(24, capability=(7, 5)),)), "qwen2.5-coder-7b", "none", "float16", "cuda", id="old GPU"
    ),
]


@pytest.mark.parametrize(("machine", "name", "quantization", "dtype", "device"), TABLE)
def test_other_models(machine: Hardware, name: str, quantization: str, dtype: str, device: str) -> None:
    chosen = plan(machine, name)
    assert (chosen.quantization, chosen.dtype, chosen.device) == (quantization, dtype, device)
    assert chosen.total_bytes <= chosen.limit_bytes
    assert chosen.max_model_len == 8192 or any("context 8192 → " in step for step in chosen.steps)


def test_tensor_parallel_only_where_one_gpu_is_too_small() -> None:
    two = (gpu(24), gpu(24))
    assert plan(pc(40, gpus=two), "qwen2.5-coder-7b").tensor_parallel == 1
    chosen = plan(pc(40, gpus=two), "qwen2.5-coder-14b")
    assert chosen.tensor_parallel == 2
    assert "--tensor-parallel-size" in launch.server_args(chosen, "/m", "m")
    assert any("2 GPUs: " in step for step in chosen.steps)


def test_fp8_needs_amx_on_a_cpu() -> None:
    with pytest.raises(PlanRefusedError) as caught:
        plan(pc(60, flags="avx2 avx512f avx512_bf16"), "devstral-small-2")
    assert "fp8 cannot run on this CPU" in str(caught.value) + (caught.value.hint or "")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_every_model_fits_its_recommended_memory(model: CatalogModel) -> None:
    chosen = plan(pc(200, gpus=(gpu(ENTRIES[model.id]["recommended_from_gb"]),)), model.id)
    assert chosen.max_model_len >= 4096


def test_limit_of_a_container_is_named() -> None:
    machine = replace(pc(30, flags="avx512_bf16"), total_bytes=6 * GB, available_bytes=5 * GB, memory_limit="/docker/x")
    chosen = plan(machine, catalog.SMALLEST)
    assert chosen.limit_bytes < 5 * GB
    assert "cgroup /docker/x" in chosen.limit_reason
    with pytest.raises(PlanRefusedError, match="cgroup /docker/x"):
        plan(machine, "qwen2.5-coder-7b")


def test_cpu_can_be_chosen_despite_a_gpu() -> None:
    chosen = plan(pc(30, gpus=(gpu(24),)), catalog.SMALLEST, device="cpu")
    assert (chosen.device, chosen.gpu_memory_utilization) == ("cpu", None)
    with pytest.raises(ConfigError, match="nvidia-smi"):
        plan(pc(30), catalog.SMALLEST, device="cuda")


def test_order_of_reductions() -> None:
    machine, small = pc(22, flags="avx512_bf16"), "qwen2.5-coder-1.5b"
    form = {"max_model_len": 32768, "quantization": "none"}
    wide = plan(machine, small, **form)
    assert wide.steps == ()
    tried = [plan(machine, small, **form, max_memory_gb=wide.total_bytes / GB - i / 10) for i in range(10)]
    lengths = [one.max_model_len for one in tried]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < lengths[0]
    assert any("context 32768 → " in step for step in tried[-1].steps)
    least = refused(machine, small, quantization="none", max_memory_gb=3).needed_bytes
    tightest = plan(machine, small, quantization="none", max_memory_gb=least / GB + 0.001)
    assert (tightest.max_model_len, tightest.max_num_seqs) == (1024, 1)
    assert any("concurrent requests" in step for step in tightest.steps)


_VNNI = "avx2 avx512f avx512_bf16 avx512_vnni amx_bf16 amx_int8"


@pytest.mark.parametrize(
    ("flags", "config", "form", "why"),
    [
        ("avx2", {"quantization": "int4"}, ("none", "float32"), "int4 cannot run on this CPU"),
        ("avx2", {"quantization": "int4", "max_model_len": 64000}, ("none", "float32"), "int4 cannot run on this CPU"),
        (
            _VNNI,
            {"quantization": "bf16", "max_memory_gb": 5.2},
            ("int8", "bfloat16"),
            "bf16 was requested and does not",
        ),
        (_VNNI, {"quantization": "mxfp4"}, ("int4", "bfloat16"), "mxfp4 was requested, but the weights are int4"),
    ],
)
def test_a_requested_form_that_is_not_possible_is_stepped_down_with_the_reason(
    flags: str, config: dict[str, Any], form: tuple[str, str], why: str
) -> None:
    chosen = plan(pc(20, flags=flags), "qwen2.5-coder-1.5b", **config)
    assert (chosen.quantization, chosen.dtype) == form
    asked = ModelConfig(model="qwen2.5-coder-1.5b", **config)
    (note,) = engines._serving(chosen, asked).notes
    assert why in note
    assert "planned" in note
    assert ("context 64000 → 32768" in note) == ("max_model_len" in config), "every request that is not met is named"


def test_what_no_form_can_meet_is_refused() -> None:
    small = "qwen2.5-coder-1.5b"
    assert "does not fit" in refused(pc(20, flags=_VNNI), small, quantization="bf16", max_memory_gb=3).message


def test_requests_are_reduced_before_the_context() -> None:
    machine = pc(22, flags="avx512_bf16")
    wide = plan(machine, catalog.SMALLEST)
    tight = plan(machine, catalog.SMALLEST, max_memory_gb=wide.total_bytes / GB - 0.3)
    assert (wide.max_num_seqs, tight.max_model_len) == (32, 8192)
    assert 4 <= tight.max_num_seqs < 32
    assert "concurrent requests: the KV cache has no room for more" in tight.steps[-1]


def test_context_is_limited_to_the_models() -> None:
    chosen = plan(pc(20), catalog.SMALLEST, max_model_len=20000)
    assert chosen.max_model_len == 8192
    assert "context 20000 → 8192" in chosen.steps[0]


def test_installed_folder_has_one_form() -> None:
    measured = replace(known(catalog.SMALLEST).shape, weights=Weights(134_515_008, 0))
    chosen = make_plan(pc(12, flags="avx512_bf16"), measured, ModelConfig(embedded="135m"))
    assert chosen.model == catalog.SMALLEST
    matrix = 49152 * 576  # of the embedding, tied: packed once for the input and once for the output
    assert chosen.budget[0].bytes == pytest.approx(2 * (134_515_008 + 2 * matrix + (134_515_008 - matrix) / 30))
    slow = make_plan(pc(12), measured, ModelConfig(embedded="135m"))
    assert slow.dtype == "float32"
    assert slow.budget[0].bytes == pytest.approx(2 * chosen.budget[0].bytes)
    installed = replace(known(catalog.DEFAULT).shape, quantization="mxfp4", weights=Weights(10**9, 11 * GB))
    stored = make_plan(pc(60, flags=AMX), installed, ModelConfig())
    assert stored.quantization == "mxfp4"
    assert "but the weights are mxfp4" in stored.steps[0]


def test_only_the_cpu_packs_its_matrices() -> None:
    """The output matrix of an untied model is there once as stored and once packed, and so is its embedding."""
    config = ModelConfig(model="/models/own")
    shape = replace(known("qwen2.5-coder-7b").shape, tied=False, weights=Weights(7_600_000_000, 0))
    weights = {
        chosen.device: chosen.budget[0].bytes
        for chosen in (
            make_plan(pc(60, flags="avx512_bf16"), shape, config),
            make_plan(pc(60, gpus=(gpu(24),)), shape, config),
            make_plan(mac(64), shape, config),
        )
    }
    assert weights["cuda"] == weights["metal"] == 15_200_000_000
    matrix = shape.vocab * shape.hidden * 2
    layer = (15_200_000_000 - 2 * matrix) // shape.layers
    assert weights["cpu"] == 15_200_000_000 + 2 * matrix + layer


def test_the_launcher_leaves_an_embedding_beside_an_integer_head_unpacked() -> None:
    shape = replace(known("qwen2.5-coder-7b").shape, tied=False, weights=Weights(545_000_000, 7 * GB, True))
    config = ModelConfig(model="/models/own")
    ours, theirs = (
        make_plan(pc(60, flags=AMX), shape, config, vllm_version=version).budget[0].bytes
        for version in ("0.32.0", "0.33.0")
    )
    assert theirs - ours == shape.vocab * shape.hidden * 2


def test_folder_of_an_unknown_model() -> None:
    measured = replace(known("qwen2.5-coder-1.5b").shape, weights=Weights(1_543_000_000, 0))
    chosen = make_plan(pc(20), measured, ModelConfig(model="/models/own"))
    assert (chosen.model, chosen.source, chosen.steps) == ("/models/own", "/models/own", ())


# The launcher, whose processes share what they imported

LAUNCHER_TABLE = [
    # machine, vLLM's version, whether it takes less than with vLLM's own program
    pytest.param(pc(12, flags="avx512_bf16"), "0.32.0", True, id="CPU on Linux"),
    pytest.param(pc(12), "0.32.1", True, id="float32, a later fix"),
    pytest.param(pc(12, flags="avx512_bf16"), "0.33.0", False, id="another vLLM"),
    pytest.param(pc(12, flags="avx512_bf16"), "", False, id="vLLM is not installed"),
    pytest.param(replace(pc(12), system="Windows"), "0.32.0", False, id="Windows"),
    pytest.param(mac(32), "0.32.0", False, id="Mac"),
    pytest.param(pc(12, gpus=(gpu(24),)), "0.32.0", False, id="GPU"),
]


@pytest.mark.parametrize(("machine", "version", "less"), LAUNCHER_TABLE)
def test_the_plan_knows_whether_the_launcher_is_used(machine: Hardware, version: str, *, less: bool) -> None:
    config = ModelConfig(embedded="135m")
    plain = make_plan(machine, known(catalog.SMALLEST), config)
    chosen = make_plan(machine, known(catalog.SMALLEST), config, vllm_version=version)
    saved = {old.name: old.bytes - new.bytes for old, new in zip(plain.budget, chosen.budget, strict=True)}
    assert (saved["process overhead"] > 500 * 10**6) == less
    assert saved["weights"] == saved["KV cache"] == saved["activations"] == 0
    assert (chosen.total_bytes < plain.total_bytes) == less
    assert less == launch.forks(version, chosen.device, machine.system), "the command is chosen so too"


def test_limit_that_only_the_launcher_meets() -> None:
    machine, model = pc(12, flags="avx512_bf16"), known(catalog.SMALLEST)
    config = ModelConfig(embedded="135m", max_memory_gb=2)
    with pytest.raises(PlanRefusedError) as caught:
        make_plan(machine, model, config)
    with pytest.raises(PlanRefusedError) as tighter:
        make_plan(machine, model, replace(config, max_memory_gb=1), vllm_version="0.32.0")
    assert tighter.value.needed_bytes < 2 * GB < caught.value.needed_bytes
    assert make_plan(machine, model, config, vllm_version="0.32.0").total_bytes <= 2 * GB


def test_alternatives_are_for_the_program_that_will_run() -> None:
    machine = pc(30, flags="avx512_bf16")
    config = ModelConfig(model="qwen2.5-coder-7b", max_memory_gb=2)
    with pytest.raises(PlanRefusedError) as plain:
        make_plan(machine, known("qwen2.5-coder-7b"), config)
    with pytest.raises(PlanRefusedError) as forked:
        make_plan(machine, known("qwen2.5-coder-7b"), config, vllm_version="0.32.0")
    assert plain.value.alternatives == ()
    assert catalog.SMALLEST in forked.value.alternatives


def test_numa_node_of_a_forked_scheduler() -> None:
    model = known("qwen2.5-coder-7b")
    machine = replace(pc(60, flags="avx512_bf16"), numa_available_bytes=(8 * GB, 46 * GB))
    needed = []
    for version in ("", "0.32.0"):
        with pytest.raises(PlanRefusedError, match="one NUMA node") as caught:
            make_plan(machine, model, ModelConfig(quantization="none"), vllm_version=version)
        needed.append(caught.value.needed_bytes)
    assert 100 * 10**6 < needed[0] - needed[1] < 500 * 10**6


# Refusals


def test_error_has_numbers_and_alternatives() -> None:
    with pytest.raises(InsufficientMemoryError) as caught:
        plan(pc(22, flags="avx512_bf16"), "qwen2.5-coder-7b", max_memory_gb=6, quantization="none")
    error = caught.value
    assert isinstance(error, PlanRefusedError)
    assert f"{error.needed_bytes / GB:.1f} GB" in error.message
    assert "the limit is 6.0 GB (max_memory_gb is 6)" in error.message
    assert error.needed_bytes == sum(item.bytes for item in error.budget)
    assert error.limit_bytes == 6 * GB
    found = re.search(r"max_memory_gb = ([\d.]+)", error.hint or "")
    assert found is not None
    assert plan(pc(22, flags="avx512_bf16"), "qwen2.5-coder-7b", max_memory_gb=float(found[1]))
    assert error.alternatives
    for name in error.alternatives:
        assert name in (error.hint or "")
        assert plan(pc(22, flags="avx512_bf16"), name, max_memory_gb=6).total_bytes <= 6 * GB


def test_error_without_alternatives() -> None:
    with pytest.raises(PlanRefusedError) as caught:
        plan(pc(2), catalog.SMALLEST)
    assert caught.value.alternatives == ()
    assert "engine.url" in (caught.value.hint or "")


def test_hint_to_raise_the_wired_limit() -> None:
    with pytest.raises(PlanRefusedError, match=r"macOS lets the GPU use 10\.3 GB") as caught:
        plan(mac(32, free=0.9, wired=0.3))
    found = re.search(r"iogpu\.wired_limit_mb=(\d+)", caught.value.hint or "")
    assert found is not None
    raised = replace(mac(32, free=0.9), wired_limit_bytes=int(found[1]) * 2**20)
    assert plan(raised).quantization == "mxfp4"


def test_missing_kernels_are_named() -> None:
    with pytest.raises(PlanRefusedError, match=r"cannot run on this machine: mxfp4 .* needs AMX"):
        plan(pc(60, flags="avx2 avx512_bf16"))
    with pytest.raises(PlanRefusedError, match=r"does not fit: it needs .* also, mxfp4 .* needs AMX"):
        plan(pc(12))


def test_restrictive_licence_of_an_alternative_is_named() -> None:
    error = refused(mac(16), catalog.DEFAULT)
    assert "Qwen/Qwen2.5-Coder-3B-Instruct" in error.alternatives
    assert "licence Qwen-Research" in (error.hint or "")


def test_worker_must_fit_one_numa_node() -> None:
    machine = replace(pc(60, flags="avx512_bf16"), numa_available_bytes=(14 * GB, 46 * GB))
    assert plan(machine, "qwen2.5-coder-7b").quantization == "int4"
    with pytest.raises(PlanRefusedError, match=r"one NUMA node has 14\.0 GB"):
        plan(replace(machine, available_bytes=90 * GB), "qwen3-coder-30b")


# What the server is started with


def refused(machine: Hardware, name: str, **config: object) -> PlanRefusedError:
    with pytest.raises(PlanRefusedError) as caught:
        plan(machine, name, **config)
    return caught.value


def flags(args: list[str]) -> dict[str, str]:
    return {name: value for name, value in zip(args, [*args[1:], ""], strict=True) if name.startswith("--")}


def test_server_args_on_cpu() -> None:
    chosen = plan(pc(12, flags="avx512_bf16"), catalog.SMALLEST)
    args = launch.server_args(chosen, "/models/it", "it")
    given_flags = flags(args)
    assert given_flags["--model"] == "/models/it"
    assert given_flags["--served-model-name"] == "it"
    assert given_flags["--kv-cache-memory-bytes"] == str(chosen.kv_cache_bytes)
    assert json.loads(given_flags["--structured-outputs-config"])["disable_any_whitespace"] is True
    assert "--enforce-eager" in args
    assert "--gpu-memory-utilization" not in args
    assert not any(name in args for name in ("--port", "--host", "--uds", "--api-key", "--trust-remote-code"))


def test_server_args_on_a_gpu() -> None:
    chosen = plan(pc(40, gpus=(gpu(24),)), "qwen2.5-coder-7b")
    args = launch.server_args(chosen, "/m", "m")
    assert 0.1 <= float(flags(args)["--gpu-memory-utilization"]) <= 0.92
    assert "--enforce-eager" not in args
    assert "--kv-cache-memory-bytes" not in args


def test_gpus_with_the_most_free_memory_are_selected() -> None:
    gpus = tuple(replace(gpu(24, free=free), uuid=f"GPU-{i}") for i, free in enumerate((0.1, 0.9, 0.5, 0.8)))
    assert dict(plan(pc(40, gpus=gpus), "qwen2.5-coder-7b").environment) == {"CUDA_VISIBLE_DEVICES": "GPU-1"}
    assert dict(plan(pc(40, gpus=gpus), "qwen2.5-coder-14b", quantization="none").environment) == {
        "CUDA_VISIBLE_DEVICES": "GPU-1,GPU-3"
    }
    assert plan(pc(40, gpus=gpus[1:2]), "qwen2.5-coder-7b").environment == ()


def test_server_env_on_cpu(tmp_path: Path) -> None:
    chosen = plan(pc(12, cores=2), catalog.SMALLEST)
    prefix, system = tmp_path / "env", tmp_path / "usr/lib"
    (prefix / "lib").mkdir(parents=True)
    system.mkdir(parents=True)
    bare = launch.server_env(chosen, prefix, [system])
    assert "LD_PRELOAD" not in bare
    assert bare["VLLM_CPU_NUM_OF_RESERVED_CPU"] == "0"
    assert int(bare["VLLM_XGRAMMAR_CACHE_MB"]) * 2**20 < next(
        item.bytes for item in chosen.budget if item.name == "process overhead"
    )
    assert (bare["VLLM_NO_USAGE_STATS"], bare["HF_HUB_OFFLINE"], bare["DO_NOT_TRACK"]) == ("1", "1", "1")
    (prefix / "lib/libiomp5.so").touch()
    (system / "libtcmalloc_minimal.so.4").touch()
    preload = launch.server_env(chosen, prefix, [system])["LD_PRELOAD"]
    assert preload == f"{prefix / 'lib/libiomp5.so'}:{system / 'libtcmalloc_minimal.so.4'}"
    bundled = prefix / "lib/python3.12/site-packages"
    for name in ("torch/lib/libgomp-1.so.1", "vllm/libs/libtcmalloc_minimal-1.so.4"):
        (bundled / name).parent.mkdir(parents=True)
        (bundled / name).touch()
    (prefix / "lib/libiomp5.so").unlink()
    preload = launch.server_env(chosen, prefix, [system])["LD_PRELOAD"]
    assert preload == f"{bundled / 'torch/lib/libgomp-1.so.1'}:{bundled / 'vllm/libs/libtcmalloc_minimal-1.so.4'}"


def test_threads_under_a_quota_of_processor_time() -> None:
    chosen = plan(replace(pc(12), cpu_cores=6, visible_cores=64), catalog.SMALLEST)
    assert dict(chosen.environment) == {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "6"}


def test_description_and_json() -> None:
    text = plan_text.describe(plan(mac(32)))
    for word in ("openai/gpt-oss-20b", "weights", "KV cache", "activations", "process overhead", "margin", "free"):
        assert word in text
    assert "█" in text
    assert all(len(line) <= 80 for line in text.splitlines()[2:8])
    as_json = json.loads(json.dumps(plan(mac(32)).as_dict()))
    assert as_json["total_bytes"] == sum(item["bytes"] for item in as_json["budget"])


# Properties

_FLAGS = st.sampled_from(["avx2", "avx2 avx512_bf16", AMX])
_GPUS = st.lists(st.builds(gpu, st.integers(4, 80), free=st.floats(0.05, 1.0)), max_size=4).map(tuple)
_MACHINES = st.builds(pc, st.floats(1, 200), flags=_FLAGS, gpus=_GPUS) | st.builds(mac, st.integers(8, 128))
_NAMES = st.sampled_from([model.id for model in MODELS])
_CEILINGS = st.none() | st.floats(1, 120)
_RANK = ("int4", "mxfp4", "int8", "fp8", "none")


def attempt(machine: Hardware, name: str, ceiling: float | None) -> MemoryPlan | PlanRefusedError:
    try:
        return plan(machine, name, max_memory_gb=ceiling)
    except PlanRefusedError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(_MACHINES, _NAMES, _CEILINGS)
def test_plan_never_exceeds_its_limits(machine: Hardware, name: str, ceiling: float | None) -> None:
    chosen = attempt(machine, name, ceiling)
    if isinstance(chosen, PlanRefusedError):
        assert chosen.needed_bytes >= chosen.limit_bytes or "AMX" in chosen.message
        return
    there = sum(gpu.free_bytes for gpu in machine.gpus) if chosen.device == "cuda" else machine.available_bytes
    assert chosen.total_bytes <= chosen.limit_bytes <= there
    assert ceiling is None or chosen.total_bytes <= ceiling * GB
    assert chosen.max_num_batched_tokens >= chosen.max_num_seqs >= 1
    if chosen.gpu_memory_utilization is not None:
        used = sorted(machine.gpus, key=lambda one: one.free_bytes)[-chosen.tensor_parallel :]
        taken = [chosen.gpu_memory_utilization * one.total_bytes for one in used]
        assert 0 < chosen.gpu_memory_utilization <= 0.92
        assert all(part <= one.free_bytes for part, one in zip(taken, used, strict=True))
        assert ceiling is None or sum(taken) <= ceiling * GB


def quality(chosen: MemoryPlan | PlanRefusedError) -> tuple[int, ...]:
    if isinstance(chosen, PlanRefusedError):
        return (-1,)
    # float32 is the better form on a CPU without bfloat16, where both are to be had
    wide = int(chosen.dtype == "float32")
    return _RANK.index(chosen.quantization), wide, chosen.max_model_len, chosen.max_num_seqs


@settings(max_examples=150, deadline=None)
@given(_NAMES, st.floats(1, 100), st.floats(0, 100), _FLAGS)
def test_more_memory_never_makes_a_plan_worse(name: str, little: float, more: float, cpu: str) -> None:
    machine = pc(250, flags=cpu)
    small = attempt(replace(machine, available_bytes=int(little * GB)), name, None)
    large = attempt(replace(machine, available_bytes=int((little + more) * GB)), name, None)
    assert quality(large) >= quality(small)


@settings(max_examples=60, deadline=None)
@given(_NAMES, st.floats(1, 60), st.sampled_from(["avx2 avx512_bf16", AMX]))
def test_needed_memory_of_an_error_suffices(name: str, ceiling: float, cpu: str) -> None:
    machine = pc(250, flags=cpu)
    refused = attempt(machine, name, ceiling)
    if isinstance(refused, PlanRefusedError) and "AMX" not in refused.message:
        assert not isinstance(attempt(machine, name, refused.needed_bytes / GB + 1e-6), PlanRefusedError)
        assert isinstance(attempt(machine, name, (refused.needed_bytes - 10**6) / GB), PlanRefusedError)


@pytest.mark.parametrize(
    ("config", "note"),
    [
        ({}, ""),
        ({"quantization": "fp8"}, "fp8 was requested"),
        ({"max_memory_gb": 2.2}, "does not fit"),
        ({"max_memory_gb": 12}, ""),
    ],
)
def test_a_plan_below_the_request_is_a_note_of_the_engine(config: dict[str, Any], note: str) -> None:
    made = plan(pc(20), "smollm2-135m-instruct", **config)
    serving = engines._serving(made, ModelConfig(embedded="135m", **config))
    assert len(serving.notes) == bool(note)
    assert note in "".join(serving.notes)
    stored = json.loads(json.dumps(dataclasses.asdict(serving)))
    assert engines._served(stored) == serving, "a later command reads them beside the running engine"
