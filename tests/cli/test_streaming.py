"""``reviewer explain`` and ``reviewer complete`` as processes that a user watches on a terminal or through a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SENTENCES = "Adds the values and divides them by their number. Fails where there are none. Returns a float otherwise."
posix = pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    rule = Rule(text=SENTENCES, gap=0.1)
    with FakeEngine(Script(rules=[rule]), tcp=True) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "stats.py").write_text("def average(values):\n    return sum(values) / len(values)\n")
    return tmp_path


def start(place: Path, engine: FakeEngine, *args: str, output: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", *args],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output if output != subprocess.PIPE else subprocess.PIPE,
        env={**os.environ, "REVIEWER_ENGINE_URL": engine.endpoint.url, "TERM": "xterm", "COLUMNS": "60"},
        start_new_session=True,
    )


def test_a_pipe_gets_each_sentence_when_it_is_complete(place: Path, engine: FakeEngine) -> None:
    with start(place, engine, "explain", "stats.py") as running:
        assert running.stdout is not None
        parts, times = [], []
        while part := os.read(running.stdout.fileno(), 4096):
            parts.append(part.decode())
            times.append(time.monotonic())
        assert running.wait(60) == 0
        assert "".join(parts) == f"{SENTENCES}\n"
        assert parts[0].startswith("Adds the values")
        assert times[-1] - times[0] > 0.5, "the first sentence came with the last one"


@posix
def test_a_terminal_gets_whole_words_and_no_progress_line_in_between(place: Path, engine: FakeEngine) -> None:
    control, terminal = os.openpty()
    with start(place, engine, "explain", "stats.py", output=terminal) as running:
        os.close(terminal)
        seen = b""
        while True:
            try:
                part = os.read(control, 4096)
            except OSError:  # Linux: every writer has closed the terminal
                break
            if not part:
                break
            seen += part
        os.close(control)
        assert running.wait(60) == 0
        text = seen.decode()[seen.decode().index("Adds") :].replace("\r\n", "\n")
        assert "\r" not in text
        assert text.split() == SENTENCES.split()
        assert [line for line in text.split("\n") if len(line) > 60] == []
        assert text.count("\n") > 1


@posix
@pytest.mark.parametrize("args", [("explain", "stats.py"), ("complete", "stats.py:2")])
def test_an_interrupt_ends_it_at_once(place: Path, engine: FakeEngine, args: tuple[str, ...]) -> None:
    engine.update(Rule(text="```python\n    x = 1\n" + "    y = 2\n" * 2000, gap=0.05))
    with start(place, engine, *args) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        first = os.read(running.stdout.fileno(), 4096)
        assert first
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)  # the reply takes 100 s
        assert running.returncode == 130
        assert re.search(rb"reviewer: interrupted\n\Z", errors)
        assert b"Traceback" not in errors


@posix
def test_a_reader_that_leaves_ends_it(place: Path, engine: FakeEngine) -> None:
    engine.update(Rule(text="A sentence.\n" * 6000, gap=0.02))
    with start(place, engine, "explain", "stats.py") as running:
        assert running.stdout is not None
        os.read(running.stdout.fileno(), 4096)
        running.stdout.close()
        assert running.wait(60) == 0  # the reply takes two minutes


def test_a_reply_that_breaks_off_is_an_error_on_its_own_line(place: Path, engine: FakeEngine) -> None:
    engine.update(Rule(text=f"{SENTENCES} {SENTENCES}", cut=True))
    with start(place, engine, "explain", "stats.py") as running:
        out, errors = running.communicate(timeout=60)
        assert running.returncode == 3, errors
        assert out.decode().startswith(SENTENCES[:-1])  # what came is shown
        assert out.endswith(b"\n")


def test_a_completion_comes_line_by_line(place: Path, engine: FakeEngine) -> None:
    engine.update(Rule(text="```python\n    total = sum(values)\n    return total\n```\nDone.", gap=0.05))
    with start(place, engine, "complete", "stats.py:1") as running:
        out, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors
        assert out.decode() == "    total = sum(values)\n    return total\n"
