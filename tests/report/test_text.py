from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reviewer.finding import Severity
from reviewer.report import RenderOptions
from reviewer.report.styled import cut, wrap
from reviewer.report.text import render
from reviewer.terminal import links
from reviewer.terminal.masking import without_commands
from tests.report.samples import CLEAN, FINDINGS, HOSTILE, SAMPLES, unit

if TYPE_CHECKING:
    from pathlib import Path

ANSI = re.compile(r"\x1b\[[\d;]*m")
UNBROKEN = re.compile(r"^(\S|  start at ).*:\d+(  in |$)|^ +https://\S+$")  # paths and URLs: terminals link them


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_lines_fit_the_width(name: str, width: int, ascii_only: bool) -> None:
    review, options = SAMPLES[name]
    text = render(review, dataclasses.replace(options, width=width, ascii=ascii_only))
    for line in text.splitlines():
        assert cell_len(line) <= width or UNBROKEN.match(line) or len(line.split()) == 1, line


@pytest.mark.parametrize("width", [40, 79, 80, 100])
@pytest.mark.parametrize("name", ["findings", "marked", "long", "clean", "nothing"])
def test_the_last_line_offers_what_can_be_done(name: str, width: int) -> None:
    review, options = SAMPLES[name]
    text = render(review, dataclasses.replace(options, width=width, offers=True))
    offers = re.findall(r"reviewer (?:apply|dismiss) [0-9a-f]+", text)
    expected = {
        "findings": ["reviewer apply 46cb5", "reviewer dismiss 46cb5"],
        "marked": ["reviewer dismiss 1f01c"],
        "long": ["reviewer dismiss c7bc8"],
    }
    assert offers == expected.get(name, [])
    for line in text.splitlines():
        assert cell_len(line) <= width or UNBROKEN.match(line) or len(line.split()) == 1, line
    assert "reviewer apply" not in render(review, options)


@pytest.mark.parametrize("name", SAMPLES)
def test_colour_changes_nothing_but_colour(name: str) -> None:
    review, options = SAMPLES[name]
    coloured = render(review, dataclasses.replace(options, color=True))
    plain = [line.rstrip() for line in ANSI.sub("", coloured).splitlines()]
    assert plain == render(review, options).splitlines()
    assert ANSI.search(coloured)


def test_every_colour_code_is_ours() -> None:
    text = render(HOSTILE, RenderOptions(color=True))
    assert "\x1b[2J" not in text
    assert set(re.findall(r"\x1b.{0,2}", text)) <= {"\x1b[0", "\x1b[1", "\x1b[2", "\x1b[3"}


def test_ascii_draws_in_ascii() -> None:
    assert render(FINDINGS, RenderOptions(ascii=True)).isascii()


@pytest.mark.parametrize("name", SAMPLES)
def test_no_line_is_a_workflow_command(name: str) -> None:
    review, options = SAMPLES[name]
    for line in render(review, options).splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_a_path_cannot_be_a_workflow_command() -> None:
    hostile = dataclasses.replace(CLEAN, units=(unit("::error file=x::y.py", CLEAN.units[0].lines, "::warning::z"),))
    lines = render(hostile, RenderOptions()).splitlines()
    assert ": :error file=x::y.py:2" in lines
    assert "  : :warning::z" in lines


def test_explanations_can_be_left_out() -> None:
    text = render(FINDINGS, RenderOptions(show_explanations=False))
    assert "Drops the guard" not in text
    assert "Imports math" not in text
    assert "[1f01c]" in text


def test_seconds_of_the_whole_command_win() -> None:
    assert "12.3 s" in render(CLEAN, RenderOptions(seconds=12.34))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (RenderOptions(), None),
        (RenderOptions(advisory=True), 'Advisory: not blocking (fail_on = "error" would block).'),
        (RenderOptions(fail_on=Severity.ERROR), 'Failed: 1 finding at or above fail_on = "error".'),
        (RenderOptions(fail_on=Severity.INFO), 'Failed: 3 findings at or above fail_on = "info".'),
    ],
)
def test_verdict(options: RenderOptions, sentence: str | None) -> None:
    last = render(FINDINGS, options).splitlines()[-1]
    assert last == (sentence or "1 error, 1 warning, 1 info · 3 of 3 hunks read")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=200), st.integers(4, 80))
def test_wrapping_keeps_the_text_and_the_width(text: str, room: int) -> None:
    lines = wrap(text, room)
    # A word stays whole, and without_commands() may add one space.
    assert all(cell_len(line) <= room + 1 or len(line.split()) == 1 for line in lines)
    assert "".join("".join(lines).split()) == "".join(without_commands(text).split()).replace("##[", "## [")


def test_a_long_path_is_not_broken_and_japanese_is() -> None:
    path = f"src/{'deeply/' * 8}nested.py:12"
    assert wrap(f"See {path} for more.", 20) == ["See", path, "for more."]
    assert wrap("日本語の文章には空白がありません。", 10) == ["日本語の文", "章には空白", "がありませ", "ん。"]


def test_places_are_links_in_colour_only(tmp_path: Path) -> None:
    root = tmp_path / "a b"
    linked = render(SAMPLES["summary"][0], RenderOptions(color=True, root=root))
    targets = re.findall(r"\x1b\]8;id=\d+;([^\x1b]+)\x1b\\\x1b\[1m([^\x1b]+)", linked)
    assert (f"{root.as_uri()}/stats.py", "stats.py:12") in targets
    assert "a%20b" in linked
    assert len(targets) == 4  # three units and where to start
    assert links.without(linked) == render(SAMPLES["summary"][0], RenderOptions(color=True))
    assert "\x1b" not in render(SAMPLES["summary"][0], RenderOptions(root=root))


STAT = """\
reviewer  3 hunks in 2 files · qwen2.5-coder-7b · 1.8 s (2 of 3 from cache)

 lib/parse.py │ 7 +++++++   1 warning, 1 info
 stats.py     │ 3 ++-       1 error

1 error, 1 warning, 1 info · 3 of 3 hunks read
"""


def test_stat_lists_files() -> None:
    assert render(FINDINGS, RenderOptions(stat=True)) == STAT
    bars = render(SAMPLES["long"][0], RenderOptions(stat=True))
    assert " long.py │ 200 +++++++++++++++++++ " in bars
    assert "not read  slow.py:1: no answer within 30 s" in render(SAMPLES["unread"][0], RenderOptions(stat=True))
    assert " dir,with: odd/na<U+202E>me`s.py │ 10 " in render(HOSTILE, RenderOptions(stat=True))


@pytest.mark.parametrize(
    ("text", "room", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("漢漢漢", 5, "漢漢…"),
        ("漢漢漢", 4, "漢 …"),
        ("\tif x:", 20, "    if x:"),
        ("a\tb", 20, "a   b"),
        ("##[error]", 20, "## [error]"),
    ],
)
def test_cut(text: str, room: int, shown: str) -> None:
    assert cut(text, room) == shown
