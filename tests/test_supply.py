"""What is installed and loaded: exact, with hashes, and never code of a model."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = sorted((PROJECT / "reviewer").rglob("*.py"))


@pytest.mark.parametrize("word", ["trust_remote_code", "trust-remote-code", "pickle", "torch.load", "marshal"])
def test_no_source_runs_code_of_a_model(word: str) -> None:
    used = re.compile(rf"^(?!\s*(?:#|\"\"\")).*\b{re.escape(word)}\b.*[(=]", re.MULTILINE)
    assert len(SOURCES) > 200
    assert [str(path) for path in SOURCES if used.search(path.read_text(encoding="utf-8"))] == []


def test_what_the_engine_is_made_of_is_exact() -> None:
    pins = tomllib.loads((PROJECT / "reviewer/engine/install/pins.toml").read_text(encoding="utf-8"))
    packages = [name for one in pins["environment"].values() if isinstance(one, dict) for name in one["packages"]]
    assert len(packages) >= 6
    assert [name for name in packages if not re.fullmatch(r"[\w.-]+==[\w.+]+", name)] == []


def test_every_wheel_of_a_model_has_a_hash_and_a_size() -> None:
    models = tomllib.loads((PROJECT / "reviewer/engine/models/embedded.toml").read_text(encoding="utf-8"))["model"]
    parts = [*models, *(wheel for model in models for wheel in model["wheels"])]
    assert len(models) >= 3
    assert [part for part in parts if not re.fullmatch(r"[0-9a-f]{64}", part["sha256"]) or part["bytes"] < 1] == []
    assert all(wheel["member_bytes"] > 0 for model in models for wheel in model["wheels"])
