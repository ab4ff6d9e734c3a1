from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reviewer.errors import EngineDiedError, ModelNotInstalledError, UsageError
from reviewer.terminal import output
from tests.terminal.screen import Terminal

FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("environment", "is_terminal", "wanted"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
        ({"TERM": "xterm", "FORCE_COLOR": "0"}, False, False),
        ({"TERM": "xterm", "FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_terminal: bool, wanted: bool) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert output.colour_wanted(Terminal() if is_terminal else io.StringIO()) is wanted


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("100", 100), ("7", 40), ("9999", 200), ("x", 80)])
def test_width_without_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: str | None, width: int) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert output.width(io.StringIO()) == width


@pytest.mark.parametrize(
    ("encoding", "draws"), [("utf-8", True), ("cp1252", False), ("ascii", False), ("cp437", False)]
)
def test_box_characters(encoding: str, draws: bool) -> None:
    assert output.can_draw(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is draws


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_console_that_cannot_encode_does_not_crash(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    assert output.say("│ 漢 \udce9 ok", stream=stream)
    assert raw.getvalue().endswith(b" ok\n")
    stream.close()


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (98_400_000, "98 MB"), (999_600_000, "1.0 GB"), (12.1e9, "12.1 GB")],
)
def test_byte_size(count: float, text: str) -> None:
    assert output.byte_size(count) == text


def test_error_shows_message_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    output.error(ModelNotInstalledError("the model m is not installed", hint="reviewer model install m\n  12.1 GB"))
    shown = capsys.readouterr()
    assert shown.err == "reviewer: the model m is not installed.\n  reviewer model install m\n    12.1 GB\n"
    assert not shown.out


def test_error_quotes_untrusted_lines_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    output.error(EngineDiedError("the engine died:\nhttp://a:s3cr3t-pa55word@h\n\x1b[2Jboo"))
    assert capsys.readouterr().err == "reviewer: the engine died:\n  http://a:s3cr…@h\n  <U+001B>[2Jboo\n"


def test_note_stays_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    output.note("one\ntwo")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "reviewer: one\n  two\n")


PRINTS_MUCH = """
from reviewer.terminal import output
read = [output.say("x" * 1000) for _ in range(1000)]
raise SystemExit(9 if read[-1] else 0)
"""


@pytest.mark.parametrize("what", ['say("x" * 1000)', 'say_bytes(b"x" * 1000)'])
def test_a_reader_that_leaves_is_no_error(what: str) -> None:
    code = PRINTS_MUCH.replace('say("x" * 1000)', what)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 0


def test_bytes_come_out_as_they_are() -> None:
    code = (
        "from reviewer.terminal import output; output.say('text');"
        " output.say_bytes(b'caf\\xe9\\r\\n\\x00'); output.say('more')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.replace(b"text\r\n", b"text\n").startswith(b"text\ncaf\xe9\r\n\x00more")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_with_a_reason() -> None:
    with FULL.open("w") as full, pytest.raises(UsageError, match="No space left"):
        output.say("text", stream=full)


def test_a_closed_standard_output_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert output.say("text") is False


def test_output_stays_light() -> None:
    code = "import sys, reviewer.terminal.output\nprint([m for m in ('rich', 'httpx', 'click') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


_COMMANDS = "::error file=x::pwned\n  ::add-mask::x\nsee ##[error]x and ##vso[task.complete]y\n\x1b[1m::debug::z\na::b"


@pytest.mark.parametrize("runner", ["GITHUB_ACTIONS", "TF_BUILD"])
def test_a_ci_runner_is_shown_no_commands(
    runner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(runner, "True")
    output.say(_COMMANDS)
    output.error(UsageError(f"what\n{_COMMANDS}", hint=_COMMANDS))
    output.note(f"what\n{_COMMANDS}")
    shown = "".join(capsys.readouterr())
    assert not re.search(r"^(\s|\x1b\[[\d;]*m)*::", shown, re.MULTILINE)
    assert not re.search(r"##(\[|vso\[)", shown)
    assert shown.count("a::b") == 4


def test_workflow_commands_of_a_report_reach_the_runner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    output.say("::error file=a.py::found", commands=True)
    assert capsys.readouterr().out == "::error file=a.py::found\n"


def test_elsewhere_text_is_unchanged(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("GITHUB_ACTIONS", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    output.say("::std::move\n##[section]")
    assert capsys.readouterr().out == "::std::move\n##[section]\n"
