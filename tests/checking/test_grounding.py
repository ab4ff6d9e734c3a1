from __future__ import annotations

import dataclasses

import pytest

from reviewer.checking.grounding import Source, is_echo, is_ungrounded, says_nothing

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


BESIDE = dataclasses.replace(SOURCE, around="util/sums.py sum_all\ndef sum_all(numbers, *, start=0):\n    return start")


@pytest.mark.parametrize(
    ("sentence", "alone", "beside"),
    [
        # What was shown beside the unit may be named.
        ("`sum_all` returns `start`, so the total is wrong, whatever `numbers` holds.", True, False),
        ("The total ignores `numbers`.", True, False),
        ("In util/sums.py the total stays at its start.", True, False),
        # What was shown nowhere may not, and a sentence has to be about the unit all the same.
        ("`load_config` swallows every exception.", True, True),
        ("The helper in config/loader.py is not imported.", True, True),
        ("A number starts.", True, True),
    ],
)
def test_what_stands_beside_the_unit_may_be_named(sentence: str, alone: bool, beside: bool) -> None:
    assert is_ungrounded(sentence, SOURCE) is alone
    assert is_ungrounded(sentence, BESIDE) is beside


def test_a_copied_line_of_what_stands_beside_says_nothing() -> None:
    assert says_nothing("def sum_all(numbers, *, start=0):", BESIDE)
    assert not says_nothing("def sum_all(numbers, *, start=0):", SOURCE)
