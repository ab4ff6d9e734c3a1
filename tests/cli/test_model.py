from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from reviewer import cli
from reviewer.cli import boundary
from reviewer.engine.models.store import ModelStore
from reviewer.engine.planning import hardware
from tests.engine import fakes
from tests.engine.planning.test_plan import pc

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "own"
    place.mkdir()
    (place / "config.json").write_text("{}", encoding="utf-8")
    (place / "model.safetensors").write_bytes(fakes.weights())
    return place


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(hardware, "detect", lambda: pc(24, flags="avx512f amx_bf16 amx_int8"))
    return Run(capsys)


class Run:
    """``reviewer model …`` in this process, through the boundary that a person meets."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        from reviewer.cli.model import model

        code = boundary.guarded(lambda: model.main(list(arguments), prog_name="reviewer model", standalone_mode=False))
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


def test_the_verb_is_known() -> None:
    assert cli.VERBS["model"][0] == "reviewer.cli.model:model"


def test_an_empty_store_says_what_to_do(run: Run) -> None:
    code, out, err = run("list")
    assert (code, out) == (0, "")
    assert "reviewer model install --embedded" in err


def test_install_list_verify_remove(run: Run, folder: Path) -> None:
    code, out, _ = run("install", str(folder))
    assert code == 0
    assert str(folder) in out
    code, out, _ = run("list")
    assert code == 0
    assert out.startswith(str(folder))
    code, out, _ = run("list", "--json")
    (entry,) = json.loads(out)
    assert (entry["id"], entry["kind"], entry["path"]) == (str(folder), "local", str(folder))
    assert run("verify")[:2] == (0, f"{folder}: intact\n")
    assert run("remove", str(folder), "--yes")[0] == 0
    assert ModelStore().list() == []
    assert folder.is_dir()


def test_verify_names_each_damaged_file_and_the_command(run: Run, folder: Path) -> None:
    run("install", str(folder))
    (folder / "config.json").unlink()
    (folder / "model.safetensors").write_bytes(fakes.weights(b"\x01" * 16))
    code, out, err = run("verify", str(folder))
    assert code == 3
    assert f"{folder}: config.json: missing" in out
    assert f"{folder}: model.safetensors: the SHA-256 differs" in out
    assert f"reviewer model install --force {folder}" in err


def test_verify_names_a_folder_without_manifest(run: Run, folder: Path) -> None:
    run("install", str(folder))
    store = ModelStore()
    (manifest,) = store.root.glob("*/manifest.json")
    manifest.write_text("{", encoding="utf-8")
    code, out, _ = run("verify")
    assert code == 3
    assert str(manifest.parent) in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["install"], 2, "--embedded"),
        (["install", "a/b", "--embedded"], 2, "one model"),
        (["install", "openai/gpt-oss-20b"], 2, "13.8 GB"),
        (["install", "unknown/model"], 2, "--yes"),
        (["install", "nonsense"], 3, "owner/name"),
        (["verify", "a/b"], 3, "is not installed"),
        (["remove", "a/b", "--yes"], 3, "is not installed"),
        (["install", "openai/gpt-oss-120b"], 3, "does not fit"),
        (["install", "openai/gpt-oss-120b", "--yes"], 3, "\n  reviewer model install "),
        (["install", "--embedded=7b"], 2, "'7b' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: list[str], code: int, said: str) -> None:
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert said in err


def test_removal_asks_where_somebody_can_answer(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("install", str(folder))
    assert run("remove", str(folder))[0] == 2
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda question, err: False)
    assert run("remove", str(folder))[0] == 0
    assert len(ModelStore().list()) == 1
    monkeypatch.setattr("click.confirm", lambda question, err: True)
    assert run("remove", str(folder))[0] == 0
