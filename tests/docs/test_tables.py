"""The documents agree with the code: tables, links, anchors and command lines."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from reviewer import cli
from reviewer.config import OPTIONS, Settings, default
from reviewer.config.options import Trust
from reviewer.engine.install.pins import environment_pin
from reviewer.engine.models import embedded
from reviewer.errors import ExitCode
from reviewer.evaluation.cases import load
from reviewer.evidence.analyzers import DEFAULTS, KNOWN
from reviewer.finding import Category, Mark, Severity
from reviewer.git import Repository
from reviewer.protocols.lsp.server import make_server as make_language_server
from reviewer.protocols.mcp import make_server
from reviewer.report import FORMATS
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from tests.repo import Repo

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [
        *PROJECT.glob("*.md"),
        *(PROJECT / "docs").rglob("*.md"),
        *(PROJECT / "rules").glob("*.md"),
    ]
)
NAMES = [str(path.relative_to(PROJECT)) for path in DOCUMENTS]

_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def _text(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def _table(name: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its header."""
    _, found, below = f"\n{_text(name)}".partition(f"\n{heading}\n")
    assert found, f"{name} has no heading {heading!r}"
    rows = re.search(r"^\|.*\|\n\|[ |:-]+\|\n((?:\|.*\|\n?)+)", below, re.MULTILINE)
    assert rows, f"{name} has no table below {heading!r}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[1].splitlines()]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_settings() -> None:
    rows = _table("docs/configuration.md", "## Settings")
    assert [(_names(key)[0], _names(variable)[0]) for key, _, variable, _ in rows] == [
        (option.key, option.variable) for option in OPTIONS
    ]
    for option, (_, shown, _, _) in zip(OPTIONS, rows, strict=True):
        value = default(option.field)
        if value is None:
            value = getattr(option.kind, "none", None)
        documented = None if shown == "-" else tomllib.loads(f"value = {_names(shown)[0]}")["value"]
        assert documented == (list(value) if isinstance(value, tuple) else value), option.key


def test_the_settings_that_a_repository_may_not_have() -> None:
    text = _text("docs/configuration.md")
    own = re.search(
        r"so (`trust_repository`[^.]*?) are errors in its files", re.sub(r"\b(engine|lsp)\.", "\\1\0", text)
    )
    assert own
    assert [name.replace("\0", ".") for name in _names(own[1])] == [
        option.key for option in OPTIONS if option.trust is Trust.USER
    ]
    assert [option.key for option in OPTIONS if option.trust is Trust.SECRET] == ["engine.api_key"]


def test_the_exit_codes() -> None:
    rows = _table("docs/configuration.md", "## Exit codes")
    assert [(int(code), name) for code, name, _ in rows] == [(code.value, code.name.lower()) for code in ExitCode]


def test_the_commands() -> None:
    rows = _table("docs/configuration.md", "## Commands")
    assert [_names(command)[0] for command, _ in rows] == [f"reviewer {verb}" for verb in cli.VERBS]


def test_the_marks() -> None:
    documented = Counter(name for cell, *_ in _table("docs/findings.md", "## Marks") for name in _names(cell))
    assert documented == Counter(Mark)


def test_the_severities_and_categories() -> None:
    severities = _table("docs/findings.md", "## Severity")
    categories = _table("docs/findings.md", "## Category")
    assert [_names(row[0])[0] for row in severities] == list(Severity)
    assert [_names(row[0])[0] for row in categories] == list(Category)


@pytest.mark.anyio
async def test_the_tools_for_agents(repo: Repo) -> None:
    server = make_server(Repository.discover(repo.root), Settings())
    rows = _table("docs/agents.md", "# Coding agents")
    assert {_names(row[0])[0] for row in rows} == {tool.name for tool in await server.list_tools()}


def test_the_commands_of_the_language_server() -> None:
    rows = _table("docs/editors.md", "## Other clients")
    assert {_names(row[0])[0] for row in rows} == set(make_language_server({}).protocol.fm.commands)


def test_the_sizes() -> None:
    engine, readme = _text("docs/engine.md"), _text("README.md")
    for device, words in (("cpu", "{} on disk without a GPU"), ("cuda", "about {} with CUDA")):
        assert words.format(byte_size(environment_pin(device).disk_bytes)) in engine
    assert f"({byte_size(environment_pin('cpu').disk_bytes)} on disk without a GPU)" in readme
    rows = _table("docs/engine.md", "## Models")
    assert [size for _, size, _ in rows] == [f"{model.bytes / 1e9:.1f} GB" for model in embedded.models()]


def test_the_formats() -> None:
    assert [_names(row[0])[0] for row in _table("docs/report.md", "# Report formats")] == list(FORMATS)


def test_the_analyzers() -> None:
    rows = _table("docs/evidence.md", "## Analyzers")
    assert {_names(row[0])[0]: row[1] == "yes" for row in rows} == {
        name: spec in DEFAULTS for name, spec in KNOWN.items()
    }


def test_the_built_in_rules() -> None:
    section = _text("docs/evidence.md").partition("\n## Built-in rules\n")[2].partition("\n## ")[0]
    rules = list((PROJECT / "rules").glob("*/*.yml"))
    listed = re.search(r"\((\d+) and more\)[^:]*: ([^.]+)\.", section)
    assert listed
    assert 0 <= len(rules) - int(listed[1]) < 100
    assert set(_names(listed[2])) == {path.parent.name for path in rules}


def test_the_map_of_the_code() -> None:
    block = re.search(r"^ {4}reviewer/\n((?: {4}.*\n)+)", _text("docs/start-to-finish.md"), re.MULTILINE)
    assert block
    root, engine = PROJECT / "reviewer", PROJECT / "reviewer" / "engine"
    names = [name for line in block[1].splitlines() for name in re.findall(r"^ +((?:\w+(?:/|\.py) ?)+)", line)]
    mapped = {name for part in names for name in part.split()}
    folders = {f"{path.parent.name}/" for parent in (root, engine) for path in parent.glob("*/__init__.py")}
    assert folders <= mapped
    for name in mapped:
        assert any((parent / name).exists() for parent in (PROJECT, root, engine)), name


@pytest.mark.parametrize("name", ["start-to-finish.md", "benchmarks.md", "evaluation.md"])
def test_the_named_modules_exist(name: str) -> None:
    modules = {path.name for folder in ("reviewer", "bench") for path in (PROJECT / folder).rglob("*.py")}
    prose = re.sub(r"```toml.*?```", "", _text(f"docs/{name}"), flags=re.DOTALL)
    named = set(re.findall(r"\b\w+\.py\b", prose))
    assert named
    assert named <= modules


def test_the_shipped_cases() -> None:
    sentence = r"has (\d+) changes in (\d+) languages, .*?: (\d+) with a defect and (\d+) clean"
    counted = re.search(sentence, _text("docs/evaluation.md"), re.DOTALL)
    assert counted
    cases = load(PROJECT / "bench" / "cases")
    clean = sum(case.clean for case in cases)
    languages = {case.language for case in cases}
    assert list(map(int, counted.groups())) == [len(cases), len(languages), len(cases) - clean, clean]


def test_decisions_are_numbered_once() -> None:
    decisions = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert len(set(numbers)) == len(numbers)
    for number, path in zip(numbers, decisions, strict=True):
        assert path.read_text(encoding="utf-8").startswith(f"# {number}. "), path.name


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name: str) -> None:
    text = _CODE.sub("", _text(name))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (PROJECT / name).parent / path if path else PROJECT / name
        assert linked.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in _anchors(linked.read_text(encoding="utf-8")), f"{name} links to {target}"


def _anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _command_lines(text: str) -> list[str]:
    """The ``reviewer …`` command lines of code blocks, and of inline code with an argument."""
    blocks = [block.strip("`") for block in _CODE.findall(text)]
    rest = _CODE.sub("", text)
    blocks += re.findall(r"^(?: {4}.*\n)+", rest, re.MULTILINE)
    inline = re.findall(r"`(reviewer [^`]+)`", re.sub(r"^ {4}.*\n", "", rest, flags=re.MULTILINE))
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    found = [
        part.strip()
        for line in lines
        for part in re.split(r" && | \| | · | -F <\(", line)
        if re.match(r"(?:[A-Z_]+=\S+ )*reviewer [a-z-]", part.strip())
    ]
    return [*found, *inline]


@pytest.mark.parametrize("name", NAMES)
def test_command_lines_parse(name: str) -> None:
    for line in _command_lines(_text(name)):
        words = _words(line)
        if words is not None:
            _parse(cli.cli, words, line)


def _words(line: str) -> list[str] | None:
    """The arguments after ``reviewer``; None for output such as ``reviewer  1 hunk in 1 file``."""
    if re.match(r"reviewer {2}|reviewer: ", line):
        return None
    words = shlex.split(line.replace("…", "").rstrip("&).,"), comments=True)
    while "=" in words[0]:
        words.pop(0)
    return words[1:]


def _parse(command: click.Command, words: list[str], line: str) -> None:
    if isinstance(command, click.Group):
        if not words or words[0] in ("--help", "--version"):
            return
        name, *rest = words
        for one in name.split("|"):
            found = command.get_command(click.Context(command), one)
            assert found is not None, f"unknown command: {line}"
            _parse(found, rest, line)
        return
    try:
        # Resilient parsing neither runs callbacks nor requires arguments.
        command.make_context(command.name, list(words), resilient_parsing=True)
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")
    unknown = [word for word in words if word.startswith("--") and word != "--" and not _knows(command, word)]
    assert not unknown, f"{line}: {unknown}"


def _knows(command: click.Command, word: str) -> bool:
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    return word.partition("=")[0] in known | {"--help"}


def test_the_command_line_check_sees_a_mistake() -> None:
    assert "reviewer review --frobnicate" in _command_lines("    $ reviewer review --frobnicate\n")
    for line in ("reviewer reviw", "reviewer review --frobnicate", "reviewer engine frobnicate"):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            _parse(cli.cli, _words(line) or [], line)


def test_each_threat_names_modules_and_tests_that_exist() -> None:
    text = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.partition("## Threats")[2].splitlines() if line[:1] == "|"]
    assert len(rows) > 20
    for threat, defence, tests in rows[2:]:
        assert "`" in tests or "workflow" in tests, threat
        for name in re.findall(r"`([\w./]+)`", tests):
            assert (PROJECT / name).exists(), name
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", defence):
            assert (PROJECT / "reviewer" / name).exists() or list((PROJECT / "reviewer").rglob(name)), name
