from __future__ import annotations

from typing import Any

import pytest

from reviewer.errors import ConfigError
from reviewer.evidence.analyzers import DEFAULTS, KNOWN, Format, Spec, parse_config
from reviewer.finding import Category


def _names(mapping: dict[str, Any]) -> list[str]:
    return [spec.name for spec in parse_config(mapping)]


def test_what_runs() -> None:
    assert parse_config({}) == DEFAULTS
    assert _names({"ruff": False, "mypy": True, "hadolint": False}) == ["shellcheck", "betterleaks", "mypy"]


def test_a_known_analyzer_with_other_settings() -> None:
    (*_, eslint) = parse_config({"eslint": {"command": ["npx", "eslint", "-f", "json", "{files}"], "timeout": 60}})
    assert (eslint.command[0], eslint.format, eslint.timeout) == ("npx", Format.ESLINT, 60.0)
    assert eslint.languages == KNOWN["eslint"].languages
    (ruff, *_) = parse_config({"ruff": {"omitted": ["BLE001"], "ignores": ["scripts/"]}})
    assert ruff.omitted == {"BLE001"}
    assert ruff.command == KNOWN["ruff"].command


def test_an_analyzer_of_ones_own() -> None:
    table = {
        "command": ["./tools/check", "{files}"],
        "format": "rdjsonl",
        "languages": ["python"],
        "files": ["*.tpl"],
        "url": "https://example.invalid/{rule}",
        "category": "security",
        "runs_code": False,
    }
    (*_, own) = parse_config({"house-rules": table})
    assert own == Spec(
        "house-rules",
        ("./tools/check", "{files}"),
        Format.RDJSONL,
        languages=frozenset({"python"}),
        files=("*.tpl",),
        url="https://example.invalid/{rule}",
        category=Category.SECURITY,
        runs_code=False,
    )
    assert own.url_of("R 1") == "https://example.invalid/R%201"


_OWN = {"command": ["x", "{files}"], "format": "lines"}


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"pylint": True}, r"analyzers\.pylint: not a known analyzer"),
        ({"ruff": 3}, r"analyzers\.ruff: must be true, false or a table"),
        ({"a b": True}, r"analyzers: 'a b' is not a name"),
        ({"": _OWN}, r"analyzers: '' is not a name"),
        ({"x": {"timeout": 3}}, r"analyzers\.x: not a known analyzer"),
        ({"x": {"command": ["x", "{files}"]}}, r"analyzers\.x\.format: missing"),
        ({"x": _OWN | {"format": "checkstyle"}}, r"analyzers\.x\.format: unknown format 'checkstyle'"),
        ({"x": _OWN | {"format": "ruff"}}, r"analyzers\.x\.format: unknown format 'ruff'"),
        ({"x": _OWN | {"format": ["lines"]}}, r"analyzers\.x\.format: unknown format"),
        ({"x": _OWN | {"command": "x {files}"}}, r"analyzers\.x\.command: must be a list of strings"),
        ({"x": _OWN | {"command": []}}, r"analyzers\.x\.command: must begin with a program"),
        ({"x": _OWN | {"command": ["{files}"]}}, r"analyzers\.x\.command: must begin with a program"),
        ({"x": _OWN | {"command": ["x"]}}, r"analyzers\.x\.command: names no files"),
        ({"x": _OWN | {"command": ["x\0"]}}, r"analyzers\.x\.command: must be a list of strings"),
        ({"x": _OWN | {"languages": ["pyton"]}}, r"analyzers\.x\.languages: unknown language 'pyton'"),
        ({"x": _OWN | {"tree": "yes"}}, r"analyzers\.x\.tree: must be true or false"),
        ({"x": _OWN | {"timeout": True}}, r"analyzers\.x\.timeout: must be a number of seconds"),
        ({"x": _OWN | {"timeout": 0}}, r"analyzers\.x\.timeout: must be a number of seconds"),
        ({"x": _OWN | {"url": "javascript:x"}}, r"analyzers\.x\.url: must be an http or https address"),
        ({"x": _OWN | {"category": "style"}}, r"analyzers\.x\.category: unknown category 'style'"),
        ({"x": _OWN | {"shell": True}}, r"analyzers\.x\.shell: unknown key"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_key(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(mapping)


def test_a_command_on_the_whole_tree_needs_no_files() -> None:
    (*_, own) = parse_config({"x": {"command": ["make", "lint"], "format": "lines", "tree": True}})
    assert own.tree
    assert own.runs_code
