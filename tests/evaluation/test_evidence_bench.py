"""``bench/evidence.py`` on two small cases: a defect that a rule finds, and a clean change that looks like one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

DEFECT = """
kind = "mutable default"
language = "python"
[[file]]
path = "a.py"
before = "def f(x):\\n    return x\\n"
after = "def f(x, seen=[]):\\n    seen.append(x)\\n    return seen\\n"
[[defect]]
lines = ["def f(x, seen=[]):"]
"""
MISSED = """
kind = "wrong sum"
language = "go"
[[file]]
path = "a.go"
before = "package a\\n"
after = "package a\\n\\nfunc Sum(a, b int) int {\\n\\treturn a - b\\n}\\n"
[[defect]]
lines = ["return a - b"]
"""
CLEAN = """
clean = true
kind = "looks like a mutable default"
language = "python"
[[file]]
path = "b.py"
before = "def f(x):\\n    return x\\n"
after = "def f(x, seen=()):\\n    return [*seen, x]\\n"
"""
ALARM = CLEAN.replace("seen=()", "seen={}")


def _run(cases: Path, *args: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, PROJECT / "bench" / "evidence.py", cases, *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    folder = tmp_path / "cases"
    folder.mkdir()
    for name, text in (("defect", DEFECT), ("missed", MISSED), ("clean", CLEAN)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def _figure(made: dict[str, Any], key: str) -> list[int]:
    return list(made[key]["of"])


def test_figures(cases: Path) -> None:
    made = json.loads(_run(cases, "--json"))
    assert _figure(made["all"], "recall") == [1, 2]
    assert _figure(made["all"], "precision") == [1, 1]
    assert _figure(made["all"], "false_alarms") == [0, 1]
    assert _figure(made["all"], "proven_fixes")[1] == 1
    assert _figure(made["by_language"]["python"], "recall") == [1, 1]
    assert _figure(made["by_source"]["ruff"], "recall") == [1, 2]
    assert made["missed"] == {"go": {"wrong sum": 1}}
    assert made["median_seconds"] > 0
    assert made["notes"] == []


def test_alarms_are_listed_with_their_lines(cases: Path, tmp_path: Path) -> None:
    (cases / "alarm.toml").write_text(ALARM, encoding="utf-8")
    listed = tmp_path / "alarms.txt"
    shown = _run(cases, "--list-alarms", listed)
    assert "false alarms 50%" in shown
    text = listed.read_text("utf-8")
    assert text.startswith("alarm\n")
    assert "B006" in text
    assert ">     1 def f(x, seen={}):" in text
    assert "defect" not in text
