# ruff: noqa: RUF001 - messages in other scripts
from __future__ import annotations

import dataclasses

import pytest

from reviewer.checking.claims import Claims, completion
from reviewer.diff import LineKind, SourceLine
from reviewer.engine.profile import ReplyBounds
from reviewer.finding import Category, Explanation, Finding, Mark, Severity
from reviewer.languages import LANGUAGES
from reviewer.prompting.reply import RawFinding, Reply
from reviewer.selection.units import ReviewUnit
from reviewer.unfinished import find
from reviewer.unfinished.gaps import Gap

TEXT = "def average(values):\n    return sum(values) / len(values)\n"
UNIT = ReviewUnit(
    "stats.py",
    LANGUAGES["python"],
    "",
    (
        SourceLine(LineKind.CONTEXT, "def average(values):", 1, 1),
        SourceLine(LineKind.ADDED, "    return sum(values) / len(values)", None, 2),
    ),
    (2,),
)


def raw(message: str = "Fails when values is empty.", line: int = 2, fix: str | None = None) -> RawFinding:
    return RawFinding(line, Severity.ERROR, Category.BUG, message, fix)


def findings(reply: Reply, unit: ReviewUnit, text: str, examples: tuple[str, ...]) -> tuple[Finding, ...]:
    return Claims(unit, text, (), examples, ReplyBounds()).findings(reply)


def explanation(reply: Reply, unit: ReviewUnit, examples: tuple[str, ...]) -> Explanation | None:
    return Claims(unit, "", (), examples, ReplyBounds()).explanation(reply)


def gap() -> tuple[Gap, str]:
    text = "def add(a, b):\n    pass\n"
    (found,) = find("python", text, [1, 2], path="a.py")
    return Gap("a.py", LANGUAGES["python"], found, "def add(a, b):", "", "    pass", "add"), text


def test_nothing_is_dropped() -> None:
    reply = Reply("Ok then.", (raw(), raw(line=1), raw("`load_config` fails."), raw("x")))
    checked = findings(reply, UNIT, TEXT, ())
    assert [set(found.marks) for found in checked] == [set(), {Mark.OFF_CHANGE}, {Mark.UNGROUNDED}, {Mark.EMPTY}]


@pytest.mark.parametrize("where", ["Line 2", "line #2", "L2:", "Lines 1-2", "Zeile 2", "\u7b2c2\u884c"])
def test_a_message_keeps_the_line_numbers_that_the_model_saw(where: str) -> None:
    (found,) = findings(Reply("", (raw(f"{where} fails when values is empty."),)), UNIT, TEXT, ())
    assert (found.line, found.message) == (2, f"{where} fails when values is empty.")


def test_a_fix_is_tried_on_the_text() -> None:
    (good, bad) = findings(Reply("", (raw(fix="return 0"), raw(fix="return (0"))), UNIT, TEXT, ())
    assert good.suggestion is not None
    assert good.suggestion.shown
    assert bad.suggestion is not None
    assert bad.suggestion.marks == {Mark.DOES_NOT_PARSE}
    assert bad.shown  # the finding stands without its fix


def test_the_explanation_is_held_to_the_unit_too() -> None:
    good, bad = (explanation(Reply(text, ()), UNIT, ()) for text in ("Averages values.", "Reads config/loader.yaml."))
    assert good is not None
    assert good.shown
    assert bad is not None
    assert not bad.shown


def test_a_change_that_needs_no_explanation_has_none() -> None:
    assert explanation(Reply("", ()), UNIT, ()) is None


@pytest.mark.parametrize(
    ("quote", "marks"),
    [
        (None, set()),  # not asked for
        ("    return sum(values) / len(values)", set()),
        ("1 +    return sum(values) / len(values)", set()),
        ("sum(values)", set()),
        ("def average(values):", {Mark.MISQUOTED}),
        ("", {Mark.MISQUOTED}),
    ],
)
def test_the_quote_is_held_to_the_line(quote: str | None, marks: set[Mark]) -> None:
    (found,) = findings(Reply("", (dataclasses.replace(raw(), quote=quote),)), UNIT, TEXT, ())
    assert (found.marks, found.quoted) == (marks, None if quote is None else not marks)


def test_a_line_that_is_not_there_has_no_quote() -> None:
    (found,) = findings(Reply("", (dataclasses.replace(raw(line=9), quote="return"),)), UNIT, TEXT, ())
    assert (found.marks, found.quoted) == ({Mark.OFF_CHANGE}, None)


def test_a_remark_on_form_is_a_nit() -> None:
    (found,) = findings(Reply("", (raw("The name values is not descriptive."),)), UNIT, TEXT, ())
    assert found.marks == {Mark.NIT}


def test_a_completion_is_fitted_and_tried() -> None:
    hole, text = gap()
    found = completion(hole, "return a + b", text)
    assert found.category is Category.UNFINISHED
    assert found.suggestion is not None
    assert (found.suggestion.replacement, found.suggestion.shown) == ("    return a + b", True)


@pytest.mark.parametrize(
    ("code", "mark"),
    [
        ("return (a", Mark.DOES_NOT_PARSE),
        ("pass", Mark.NO_CHANGE),
        ("...", Mark.NO_CHANGE),
        ("return None", Mark.NO_CHANGE),
        ("return {}", Mark.NO_CHANGE),
    ],
)
def test_a_bad_completion_is_marked(code: str, mark: Mark) -> None:
    hole, text = gap()
    found = completion(hole, code, text)
    assert found.shown
    assert found.suggestion is not None
    assert mark in found.suggestion.marks


def test_a_gap_without_an_answer_is_still_a_finding() -> None:
    hole, text = gap()
    assert completion(hole, None, text).suggestion is None


def test_an_explanation_must_not_contradict_the_diff() -> None:
    lines = (
        SourceLine(LineKind.REMOVED, "def get(url, timeout=30):", 1, None),
        SourceLine(LineKind.ADDED, "def get(url, timeout=10):", None, 1),
    )
    unit = ReviewUnit("http.py", LANGUAGES["python"], "", lines, (1,))
    wrong = explanation(Reply("This change is important because it removes the timeout parameter.", ()), unit, ())
    assert (wrong.text, wrong.marks) == ("It removes the timeout parameter.", {Mark.UNGROUNDED})
    assert explanation(Reply("Lowers the default of timeout from 30 to 10.", ()), unit, ()).shown


@pytest.mark.parametrize(
    ("message", "shown", "marks"),
    [
        ("Division by zero if values is empty", "Division by zero if values is empty", set()),
        ("Division by zero. " + "The sum of values is taken " * 20, "Division by zero.", set()),
        ("The sum of all the given values " * 20, "", {Mark.EMPTY}),
        ("Fails because", "", {Mark.EMPTY}),
        ("如果values为空，则会除以零。", "如果values为空，则会除以零。", set()),
    ],
)
def test_what_was_cut_is_not_shown_as_whole(message: str, shown: str, marks: set[Mark]) -> None:
    (found,) = findings(Reply("", (raw(message[:300]),)), UNIT, TEXT, ())
    assert (found.message, found.marks) == (shown, marks)


def test_an_explanation_of_the_prompts_own_fence_is_ungrounded() -> None:
    sentence = "Says that the average between the 93d5097bdb52 lines is data, not instructions."
    checked = explanation(Reply(sentence, ()), UNIT, ())
    assert checked is not None
    assert Mark.UNGROUNDED in checked.marks


CHANGE = ReviewUnit(
    "stats.py",
    LANGUAGES["python"],
    "",
    (
        SourceLine(LineKind.CONTEXT, "def average(values, default):", 1, 1),
        SourceLine(LineKind.REMOVED, "    return sum(values) / len(values)", 2, None),
        SourceLine(LineKind.ADDED, "    return fmean(values) if values else default", None, 2),
    ),
    (2,),
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "Returns `default` for no values instead of dividing by zero. This change allows the function to be safer.",
            "Returns `default` for no values instead of dividing by zero.",
        ),
        (
            "Returns `default` for no values, which is useful for callers that need to handle empty input.",
            "Returns `default` for no values.",
        ),
        (
            "Uses `fmean` instead of `sum`. This ensures that `values` may be empty.",
            "Uses `fmean` instead of `sum`. This ensures that `values` may be empty.",
        ),
        (
            "Changes the behavior of the code by replacing `sum` with `fmean` in the `lib/stats.py` file.",
            "Replaces `sum` with `fmean`.",
        ),
        ("The - lines are removed. Uses `fmean` instead of `sum`.", "Uses `fmean` instead of `sum`."),
        ("+ Returns `default`. The original code divided by zero.", "Returns `default`."),
        (
            "Changes the behavior by removing `sum` and replacing it with `fmean`.",
            "Removes `sum` and replaces it with `fmean`.",
        ),
        (
            "Changes the behavior of `sum` by replacing it with `fmean`.",
            "Changes the behavior of `sum` by replacing it with `fmean`.",
        ),
        ("Returns `default`, which was not mentioned in the - lines.", "Returns `default`."),
        ("The + lines use `fmean` instead of `sum`.", "Uses `fmean` instead of `sum`."),
        ("The function now returns `default` for no values.", "Returns `default` for no values."),
        (
            "Changes how `values` is averaged by allowing it to be empty.",
            "Changes how `values` is averaged by allowing it to be empty.",
        ),
        # A second sentence that does not hold is left out, the first one stays.
        ("Uses `fmean` instead of `sum`. Removes the parameter `default`.", "Uses `fmean` instead of `sum`."),
        ("Uses `fmean` instead of `sum`. Adds the function `fmean`.", "Uses `fmean` instead of `sum`."),
        ("Uses `fmean` instead of `sum`. Calls `load_config`.", "Uses `fmean` instead of `sum`."),
    ],
)
def test_what_is_beside_the_point_is_left_out(said: str, shown: str) -> None:
    assert explanation(Reply(said, ()), CHANGE, ()) == Explanation(shown)


@pytest.mark.parametrize(
    "said",
    [
        "Adds a function `fmean`.",
        "Uses `load_config` to compute the mean.",
        "Uses 'load_config' to compute the mean of `values`.",
        "Replaces `fmean` with `sum`.",
        "Adds error handling for empty `values`.",
        "Adds the - lines to the + lines, with `values`.",
        "Adds a line that computes the mean of `values`.",
    ],
)
def test_an_explanation_that_the_lines_do_not_support_is_marked(said: str) -> None:
    checked = explanation(Reply(said, ()), CHANGE, ())
    assert checked is not None
    assert Mark.UNGROUNDED in checked.marks
