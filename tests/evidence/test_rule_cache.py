"""The copy of the packaged rules is used only while it is that of the files, and only where it can be trusted."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from reviewer import paths
from reviewer.evidence import rule_cache

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def rules(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "python"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.yml").write_text(f"id: {name}\n")
    return sorted(folder.glob("*.yml"))


def _copy() -> Path:
    return paths.cache_dir() / "rules" / "python.json"


def _altered(rules: list[Path]) -> list[Any]:
    """Change the copy alone, so that its use shows."""
    rule_cache.read(rules)
    stored = json.loads(_copy().read_bytes())
    stored["rules"][0] = {"id": "from the copy"}
    _copy().write_text(json.dumps(stored))
    return [{"id": "from the copy"}, {"id": "b"}]


def test_the_copy_is_used(rules: list[Path]) -> None:
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "b"}]
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "b"}]
    assert _altered(rules) == rule_cache.read(rules)


def test_a_changed_file_is_read_again(rules: list[Path]) -> None:
    _altered(rules)
    rules[1].write_text("id: other\n")
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "other"}]


def test_another_version_reads_again(rules: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _altered(rules)
    monkeypatch.setattr(rule_cache, "__version__", "999")
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "b"}]


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"stamp": 1, "rules": []}', "\x00"])
def test_a_damaged_copy_is_ignored(rules: list[Path], damage: str) -> None:
    rule_cache.read(rules)
    _copy().write_text(damage)
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "b"}]


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_copy_that_others_can_write_is_ignored(rules: list[Path]) -> None:
    _altered(rules)
    _copy().chmod(0o666)
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "b"}]


def test_without_a_cache_folder_the_files_are_read(rules: list[Path]) -> None:
    paths.cache_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.cache_dir().write_text("a file in its place")
    assert rule_cache.read(rules) == [{"id": "a"}, {"id": "b"}]


def test_a_broken_file_is_named(rules: list[Path]) -> None:
    rules[0].write_text("id: [")
    with pytest.raises(rule_cache.RuleError, match=r"a\.yml: not a rule"):
        rule_cache.read(rules)
