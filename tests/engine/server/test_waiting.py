"""Whether an engine died while starting, or after it had become ready and may be started again."""

from __future__ import annotations

import pytest

from reviewer.engine.server.waiting import _was_up

UP = "INFO:     Application startup complete."
DIED = "reviewer: the engine died: killed (signal 9)"


@pytest.mark.parametrize(
    ("lines", "up"),
    [
        ([], False),
        (["loading weights", "RuntimeError: no room"], False),
        (["loading weights", UP], True),
        ([UP, "a request", "Segmentation fault"], True),
        ([UP, DIED, "loading weights", "RuntimeError: no room"], False),
        ([UP, DIED, "loading weights", UP], True),
    ],
)
def test_whether_it_was_up(lines: list[str], up: bool) -> None:
    assert _was_up(lines) is up
