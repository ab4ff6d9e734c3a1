"""``reviewer engine plan`` and ``command`` on machines that are values."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.cli import run
from reviewer.engine.planning import hardware
from tests.engine.planning.test_plan import gpu, pc

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reviewer.engine.planning.hardware import Hardware

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "dtype": "bfloat16",
}


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Hardware], None]:
    monkeypatch.chdir(tmp_path)

    def set_machine(machine: Hardware) -> None:
        monkeypatch.setattr(hardware, "detect", lambda: machine)

    return set_machine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my model"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    header = json.dumps({"w": {"dtype": "BF16", "shape": [500, 1000], "data_offsets": [0, 1_000_000]}}).encode()
    (path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(1_000_000))
    return path


def test_plan_of_a_model_that_is_not_installed(
    on: Callable[[Hardware], None], capsys: pytest.CaptureFixture[str]
) -> None:
    on(pc(40, gpus=(gpu(24),)))
    assert run(["engine", "plan", "--model", "qwen2.5-coder-7b"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "weights",
        "KV cache",
        "activations",
        "process overhead",
        "margin",
        "█",
        "from the catalog",
        "at once",
    ):
        assert words in shown
    assert "reviewer model install Qwen/Qwen2.5-Coder-7B-Instruct" in shown
    assert "--gpu-memory-utilization 0." in shown
    assert "--model Qwen/Qwen2.5-Coder-7B-Instruct" in shown


def test_a_folder_is_measured(on: Callable[[Hardware], None], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on(pc(8, flags="avx2 avx512_bf16"))
    assert run(["engine", "plan", "--model", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fits"] is True
    assert found["figures"] == f"measured in the folder {folder}"
    weights = next(item["bytes"] for item in found["budget"] if item["name"] == "weights")
    assert 1_000_000 <= weights < 1_500_000  # and what the CPU's kernels pack
    assert found["argv"][found["argv"].index("--model") + 1] == str(folder)
    assert found["total_bytes"] <= found["limit_bytes"]


def test_every_step_down_has_its_line(on: Callable[[Hardware], None], capsys: pytest.CaptureFixture[str]) -> None:
    on(pc(60, flags="avx2 avx512_bf16"))
    asked = ["--model", "qwen2.5-coder-7b", "--max-memory-gb", "12", "--max-model-len", "8192"]
    assert run(["engine", "plan", *asked]) == 0
    text = capsys.readouterr().out
    assert run(["engine", "plan", *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["steps"]
    assert all(step in text for step in found["steps"])
    assert (found["limit_bytes"], found["max_model_len"]) == (12_000_000_000, 8192)


def test_a_refusal_has_numbers_and_what_would_fit(
    on: Callable[[Hardware], None], capsys: pytest.CaptureFixture[str]
) -> None:
    on(pc(12))
    assert run(["engine", "plan", "--model", "qwen2.5-coder-14b", "--max-memory-gb", "6"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "does not fit: it needs" in said.err
    assert "the limit is 6.0 GB" in said.err
    assert "these models would fit" in said.err
    assert run(["engine", "plan", "--model", "qwen2.5-coder-14b", "--max-memory-gb", "6", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["fits"] is False
    assert found["needed_bytes"] > found["limit_bytes"] == 6_000_000_000
    assert found["alternatives"]


def test_a_model_that_nobody_knows(on: Callable[[Hardware], None], capsys: pytest.CaptureFixture[str]) -> None:
    on(pc(12))
    assert run(["engine", "plan", "--model", "org/unknown"]) == 3
    assert "org/unknown is not installed" in capsys.readouterr().err


def test_bars_without_block_characters(
    on: Callable[[Hardware], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(pc(8))
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert run(["engine", "plan", "--model", str(folder)]) == 0
    sys.stdout.flush()
    assert b"#" in raw.getvalue()
    assert b"?" not in raw.getvalue()


def test_command_on_this_machine(
    on: Callable[[Hardware], None], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on(pc(8, flags="avx2 avx512_bf16"))
    assert run(["engine", "command", "--model", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "-m vllm.entrypoints.openai.api_server" in shown  # the CPU build has no `vllm serve`
    assert f"--model '{folder}'" in shown
    assert "--host 127.0.0.1" in shown


def test_command_for_gpus_elsewhere(on: Callable[[Hardware], None], capsys: pytest.CaptureFixture[str]) -> None:
    on(pc(8))
    many = ["--tensor-parallel-size", "4", "--pipeline-parallel-size", "2", "--ray", "--router", "--replicas", "3"]
    assert run(["engine", "command", "--model", "openai/gpt-oss-120b", *many]) == 0
    shown = capsys.readouterr().out
    for words in (
        "vllm serve openai/gpt-oss-120b",
        "ray start --head",
        "vllm-router",
        "REPLICA_3",
        "on each of 8 GPUs",
    ):
        assert words in shown


def test_command_refuses_a_split_of_heads(on: Callable[[Hardware], None], capsys: pytest.CaptureFixture[str]) -> None:
    on(pc(8))
    assert run(["engine", "command", "--embedded=135m", "--tensor-parallel-size", "2"]) == 2
    assert "can be 1, 3, 9" in capsys.readouterr().err


def test_nothing_of_a_name_reaches_the_terminal_as_it_is(
    on: Callable[[Hardware], None], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on(pc(8))
    odd = folder.rename(folder.with_name("a\x1b[31mb"))
    for verb in ("plan", "command"):
        assert run(["engine", verb, "--model", str(odd)]) == 0
        assert "\x1b" not in capsys.readouterr().out
