from __future__ import annotations

import pytest

from reviewer.checking import suggestion as suggestions
from reviewer.evidence.diagnostic import Edit, one_line, suggestion

_TEXT = "one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param([Edit((2, 1), (2, 4), "2")], "one\n2\nthree\n", id="a word"),
        pytest.param(
            [Edit((1, 4), (1, 4), "!"), Edit((1, 1), (1, 1), "¡")], "¡one!\ntwo\nthree\n", id="two, any order"
        ),
        pytest.param([Edit((2, 1), (3, 1), "")], "one\nthree\n", id="a whole line deleted"),
        pytest.param([Edit((2, 1), (2, 4), "")], "one\n\nthree\n", id="a line emptied"),
        pytest.param([Edit((1, 1), (1, 4), "")], "\ntwo\nthree\n", id="the first line emptied"),
        pytest.param([Edit((2, 1), (2, 1), "new\n")], "one\nnew\ntwo\nthree\n", id="a line inserted"),
        pytest.param([Edit((1, 3), (3, 3), "-\n-")], "on-\n-ree\n", id="across lines"),
        pytest.param([Edit((3, 1), (4, 1), "")], "one\ntwo\n", id="the last line deleted"),
        pytest.param([Edit((2, 4), (2, 4), "\r\nx")], "one\ntwo\nx\nthree\n", id="CRLF in the fix"),
    ],
)
def test_edits_become_whole_lines_that_apply(edits: list[Edit], expected: str) -> None:
    fix = suggestion(_TEXT.split("\n"), edits)
    assert fix is not None
    assert suggestions.apply(_TEXT, fix) == expected


@pytest.mark.parametrize(
    "edits",
    [
        [],
        [Edit((2, 1), (2, 1), "")],
        [Edit((0, 0), (0, 0), "x")],
        [Edit((9, 1), (9, 2), "x")],
        [Edit((1, 9), (1, 9), "x")],
        [Edit((2, 1), (1, 1), "x")],
        [Edit((1, 1), (1, 3), "x"), Edit((1, 2), (1, 4), "y")],
    ],
)
def test_edits_that_change_nothing_or_do_not_fit_are_no_fix(edits: list[Edit]) -> None:
    assert suggestion(_TEXT.split("\n"), edits) is None


def test_a_message_is_one_bounded_line_without_secrets() -> None:
    token = "ghp_" + "a8Kd0qPz3LmNx7Rt5VbWc2Ye9UgHj4SfT1Io"
    message = one_line(f"hard-coded\n  token {token} " + "x" * 10_000)
    assert message.startswith("hard-coded token ghp_… x")
    assert len(message) == 500
