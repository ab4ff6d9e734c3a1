from __future__ import annotations

import io
import itertools
import sys
import time

import pytest

from reviewer.terminal import live, output
from tests.terminal.screen import Terminal


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


def plain(steps: live.Steps, clock: Clock, until: float) -> list[str]:
    stream = io.StringIO()
    display = live._PlainLines(steps, stream, clock)
    while clock.now < until:
        clock.now += 0.25
        display.tick()
    return stream.getvalue().splitlines()


def test_plain_progress_says_a_step_again_every_few_seconds_then_less_often() -> None:
    clock = Clock()
    steps = live.Steps(clock)
    steps.step("loading the model")
    seconds = [int(line.split()[-2]) for line in plain(steps, clock, 120)]
    assert seconds[:3] == [1, 6, 11]
    gaps = [b - a for a, b in itertools.pairwise(seconds)]
    assert gaps == sorted(gaps)
    assert max(gaps) <= 31


def test_plain_progress_says_nothing_of_a_short_step() -> None:
    clock = Clock()
    steps = live.Steps(clock)
    steps.step("reading the diff")
    assert plain(steps, clock, 0.75) == []


def test_plain_progress_shows_how_far_it_is() -> None:
    clock = Clock()
    steps = live.Steps(clock)
    steps.step("fetching \x1b[31mmodel")
    steps.advance(49e6, 98e6, "B")
    assert plain(steps, clock, 1) == ["reviewer: fetching <U+001B>[31mmodel  50% of 98 MB  1 s"]
    steps.step("reviewing")
    steps.advance(2, 9, "hunks")
    assert plain(steps, clock, 2) == ["reviewer: reviewing  2 of 9 hunks  1 s"]


def test_a_download_shows_its_speed_and_the_time_left() -> None:
    clock = Clock()
    steps = live.Steps(clock)
    steps.step("downloading")
    steps.advance(20e6, 100e6, "B")  # continued from an earlier run
    clock.now = 4
    steps.advance(40e6, 100e6, "B")
    assert str(steps) == "reviewer: downloading  40% of 100 MB  5 MB/s  12 s left"
    steps.advance(20.1e6, 9e9, "B")
    assert str(steps).endswith("min left")
    steps.step("converting")
    steps.advance(5e8, 2e9, "weights")
    assert str(steps) == "reviewer: converting  25%  0 s"


def test_live_line_is_drawn_over_itself_and_taken_away(terminal: Terminal) -> None:
    clock = Clock()
    steps = live.Steps(clock)
    display = live._LiveLine(steps, terminal)
    steps.step("a step")
    display.tick()
    assert terminal.getvalue() == ""
    clock.now = 1.5
    display.tick()
    assert terminal.screen == ["reviewer: a step  2 s"]
    steps.step("漢" * 60)
    display.tick()
    assert terminal.screen[-1].endswith("…")
    assert max(len(part) for part in terminal.getvalue().split("\r")) < 80
    display.close()
    assert terminal.screen == [""]
    assert "\x1b" not in terminal.getvalue()


def test_a_message_takes_the_live_lines_place(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    clock = Clock()
    steps = live.Steps(clock)
    display = live._LiveLine(steps, terminal)
    steps.step("a rather long step")
    clock.now = 2
    display.tick()
    output.note("hello")
    display.tick()
    assert terminal.screen == ["reviewer: hello", "reviewer: a rather long step  2 s"]
    display.close()
    assert terminal.screen == ["reviewer: hello", ""]


def test_progress_runs_beside_the_work(terminal: Terminal) -> None:
    with live.progress(terminal) as steps:
        steps.step("working")
        time.sleep(1.5)
    assert "reviewer: working  1 s" in terminal.getvalue()
    assert terminal.screen == [""]


def test_progress_ends_with_the_block_that_fails() -> None:
    stream = io.StringIO()

    def fail() -> None:
        with live.progress(stream) as steps:
            steps.step("failing")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stream.getvalue() == ""
