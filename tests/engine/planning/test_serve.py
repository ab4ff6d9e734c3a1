from __future__ import annotations

import itertools
import os
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.config import ModelConfig
from reviewer.engine.models import catalog
from reviewer.engine.planning import serve
from reviewer.engine.planning.serve import Spread, Target
from reviewer.errors import InsufficientMemoryError, UsageError
from tests.engine.planning.test_plan import gpu, known, pc

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.planning.hardware import Hardware
    from reviewer.engine.planning.memory_plan import MemoryPlan


def planned(spread: Spread, machine: Hardware, name: str, **config: object) -> tuple[MemoryPlan, tuple[str, ...]]:
    return serve.plan_for(spread, machine, known(name), ModelConfig(model=name, **config))  # type: ignore[arg-type]


def target(spread: Spread, machine: Hardware, name: str, model: str = "", folder: bool = False) -> Target:
    plan, remarks = planned(spread, machine, name)
    env = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", **dict(plan.environment)}
    return Target(plan=plan, model=model or plan.source, folder=folder, name=name, env=env, remarks=remarks)


SPREADS = [
    pytest.param(Spread(), id="one machine"),
    pytest.param(Spread(tensor_parallel=2), id="two GPUs"),
    pytest.param(Spread(tensor_parallel=2, pipeline_parallel=2, ray=True), id="two machines on Ray"),
    pytest.param(Spread(replicas=3), id="three replicas"),
    pytest.param(Spread(tensor_parallel=4, pipeline_parallel=2, ray=True, replicas=2), id="replicas on Ray"),
]


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("spread", SPREADS)
def test_the_whole_output_runs_in_a_shell(spread: Spread, tmp_path: Path) -> None:
    """Programs that write down how they were called stand for Ray, vLLM and its router."""
    for program in ("vllm", "ray", "vllm-router"):
        stub = tmp_path / program
        stub.write_text(
            f'#!/bin/sh\n{{ printf "%s\\0" {program} "$VLLM_NO_USAGE_STATS" "$@"; printf "\\n"; }} >> "$0.log"\n',
            encoding="utf-8",
        )
        stub.chmod(0o755)
    machine = pc(50, gpus=(gpu(80), gpu(80)))
    rows = serve.lines(target(spread, machine, "qwen2.5-coder-7b", "/models/a b'c", folder=True), spread)
    env = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "VLLM_API_KEY": "k e y",
        "HEAD_ADDRESS": "10.0.0.1",
        **{f"REPLICA_{number}": f"10.0.1.{number}" for number in range(1, 4)},
    }
    script = "set -eu\n" + "\n".join(rows) + '\nprintf "%s" "$REVIEWER_ENGINE_URL"'
    done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    called = {path.stem: path.read_text(encoding="utf-8").split("\n") for path in tmp_path.glob("*.log")}
    words = called["vllm"][0].split("\0")
    assert words[:4] == ["vllm", "1", "serve", "/models/a b'c"]
    given = dict(itertools.pairwise(words))
    assert given.get("--tensor-parallel-size") == (str(spread.tensor_parallel) if spread.tensor_parallel else None)
    assert given.get("--pipeline-parallel-size") == ("2" if spread.pipeline_parallel > 1 else None)
    assert given.get("--distributed-executor-backend") == ("ray" if spread.ray else None)
    assert given["--host"] == ("0.0.0.0" if spread.elsewhere else "127.0.0.1")
    assert ("ray" in called, "vllm-router" in called) == (spread.ray, spread.replicas > 0)
    if spread.replicas:
        router = called["vllm-router"][0].split("\0")
        urls = [word for word in router if word.startswith("http://10.0.1.")]
        assert urls == [f"http://10.0.1.{number}:8000" for number in range(1, spread.replicas + 1)]
        assert router[router.index("--api-key") + 1] == "k e y"
        assert done.stdout == "http://127.0.0.1:30000"
    elif spread.ray:
        assert done.stdout == "http://10.0.0.1:8000"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_no_server_on_the_network_without_a_key(tmp_path: Path) -> None:
    (tmp_path / "vllm").write_text("#!/bin/sh\necho started\n", encoding="utf-8")
    (tmp_path / "vllm").chmod(0o755)
    rows = serve.command(target(Spread(replicas=2), pc(50, gpus=(gpu(80),)), "qwen2.5-coder-7b"), Spread(replicas=2))
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", "\n".join(rows)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "started" not in done.stdout
    assert "a secret of your own" in done.stderr


def test_id_is_pinned_and_can_be_downloaded() -> None:
    one = replace(target(Spread(), pc(50, gpus=(gpu(80),)), "qwen2.5-coder-7b"), revision="abc")
    text = "\n".join(serve.command(one, Spread()))
    assert "HF_HUB_OFFLINE" not in text
    assert "--revision abc" in text
    assert "HF_HUB_OFFLINE=1" in "\n".join(serve.command(replace(one, folder=True, model="/m"), Spread()))


SPLITS = [
    # model, GPUs of a layer, stages, allowed
    (catalog.DEFAULT, 8, 3, True),
    (catalog.DEFAULT, 16, 1, True),
    (catalog.DEFAULT, 3, 1, False),
    (catalog.SMALLEST, 2, 1, False),
    (catalog.SMALLEST, 3, 1, True),
    (catalog.SMALLEST, 1, 31, False),
]


@pytest.mark.parametrize(("name", "tensor", "stages", "allowed"), SPLITS)
def test_splits_that_vllm_would_refuse(name: str, tensor: int, stages: int, allowed: bool) -> None:
    spread = Spread(tensor_parallel=tensor, pipeline_parallel=stages)
    if allowed:
        serve.check(spread, known(name).shape)
        return
    with pytest.raises(UsageError, match="cannot be split"):
        serve.check(spread, known(name).shape)


def test_plan_for_the_gpus_of_this_machine() -> None:
    gpus = tuple(replace(gpu(24, free=free), uuid=f"GPU-{i}") for i, free in enumerate((0.1, 0.9, 0.5, 0.8)))
    plan, remarks = planned(Spread(tensor_parallel=2), pc(50, gpus=gpus), "qwen2.5-coder-7b")
    assert remarks == ()
    assert dict(plan.environment) == {"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-3"}


def size_of(remarks: tuple[str, ...]) -> int:
    found = re.search(r"at least (\d+) GB each", " ".join(remarks))
    assert found is not None
    return int(found[1])


def test_plan_for_gpus_of_another_machine() -> None:
    machine = pc(20)
    sizes = [
        size_of(planned(Spread(tensor_parallel=tensor, pipeline_parallel=stages, ray=True), machine, name)[1])
        for name, tensor, stages in (
            ("openai/gpt-oss-120b", 1, 1),
            ("openai/gpt-oss-120b", 2, 1),
            ("openai/gpt-oss-120b", 2, 2),
            ("openai/gpt-oss-120b", 8, 2),
        )
    ]
    assert sizes[0] in (80, 96)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 4


def test_model_that_fits_no_gpu_is_an_error() -> None:
    huge = replace(known("qwen2.5-coder-32b").shape, layers=2000)
    with pytest.raises(InsufficientMemoryError, match="does not fit 2 GPUs"):
        serve.plan_for(Spread(tensor_parallel=2), pc(20), huge, ModelConfig(model="org/huge"))
