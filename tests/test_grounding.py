from __future__ import annotations

import pytest

from reviewer.grounding import Source, is_echo, is_ungrounded, says_nothing

SOURCE = Source(
    path="src/stats.py",
    text="src/stats.py\ndef average(values):\n    total = sum_all(values)\n    return total / len(values)",
    lines=frozenset(range(8, 14)),
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The guard for an empty list is gone, so the division fails when values is empty.",
        "`average` raises ZeroDivisionError when `values` is empty.",
        "sum_all() is called with values before it is checked.",
        "Use `contextlib.suppress` around `sum_all` here.",
        "See line 12: the value can be zero.",
        "In stats.py the divisor can be zero.",
        "Lines 8 to 10 can divide by a total of zero.",
        "Unlike JavaScript, Python raises for an empty list of values.",
        "Returns None instead of the total.",
    ],
)
def test_a_sentence_about_the_unit_is_grounded(sentence: str) -> None:
    assert not is_ungrounded(sentence, SOURCE)


@pytest.mark.parametrize(
    "sentence",
    [
        "`load_config` swallows every exception.",
        "load_config() swallows every exception.",
        "The parseUserInput function does not escape its argument.",
        "The HttpClient is never closed, and fooBar leaks.",
        "See line 99: the divisor can be zero.",
        "Lines 8 to 99 are wrong.",
        "The helper in config/loader.py is not imported.",
        "os.path.join is called with untrusted input.",
        "I am going to make you happy today!",
        "A bug has been reported.",
    ],
)
def test_a_sentence_about_something_else_is_caught(sentence: str) -> None:
    assert is_ungrounded(sentence, SOURCE)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("", True),
        ("Bug.", True),
        ("return total / len(values)", True),
        ("`return total / len(values)`", True),
        ("It is a list of a list of a list of a list of values.", True),
        ("The divisor can be zero.", False),
    ],
)
def test_a_copied_line_says_nothing(sentence: str, expected: bool) -> None:
    assert says_nothing(sentence, SOURCE) is expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The ferry timetable loses its last departure.", True),
        ("Here the ferry timetable loses its last departure.", True),
        ("The loop loses its last element.", False),
        ("Loses.", False),
    ],
)
def test_the_prompts_own_example_is_recognized(sentence: str, expected: bool) -> None:
    assert is_echo(sentence, ["The ferry timetable loses its last departure."]) is expected
