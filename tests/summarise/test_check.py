from __future__ import annotations

import dataclasses
import json

import pytest

from reviewer.engine.profile import ReplyBounds
from reviewer.finding import Mark, RiskLevel
from reviewer.summarise.check import checked
from reviewer.summarise.points import collect
from reviewer.summarise.reply import RawSummary, read, schema
from tests.summarise.samples import unit

POINTS = collect(
    (
        unit("stats.py", 12, "Drops the guard for an empty list of values."),
        unit("lib/parse.py", 4, "Begins a parser for headers that is not finished.", scope="parse()"),
    )
)
SHOWN = "\n".join(f"{point.place}, in {point.scope}: {point.explanation}" for point in POINTS.listed)
RAW = RawSummary(
    text="Lets average fail for an empty list, and begins a parser for headers.",
    reason="Callers that pass an empty list of values now see an error.",
    risk=RiskLevel.MEDIUM,
    look_first=2,
    subject="Drop a guard and begin a parser",
    body="The guard for an empty list goes.\n- parse() is not finished",
)
BOUNDS = ReplyBounds()
EXAMPLES = ("Limits the heat of the kettle and simplifies how berries are shared among quokkas.",)


def test_a_good_reply() -> None:
    summary = checked(RAW, POINTS, SHOWN, EXAMPLES, BOUNDS, cached=True)
    assert summary.shown
    assert summary.risk.shown
    assert summary.message.shown
    assert (summary.path, summary.line, summary.cached) == ("lib/parse.py", 4, True)
    assert (summary.text, summary.message.subject, summary.message.body) == (RAW.text, RAW.subject, RAW.body)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("", Mark.EMPTY),
        ("Approved.", Mark.EMPTY),
        ("Drops the guard for an empty list of values.", Mark.EMPTY),  # of one part, not of the whole
        (EXAMPLES[0], Mark.ECHO),
        ("Rewrites `load_config` and `save_config`.", Mark.UNGROUNDED),
        ("Changes the guard in setup.py.", Mark.UNGROUNDED),
        ("Drops the guard at line 400.", Mark.UNGROUNDED),
        ("This is excellent work and approved.", Mark.UNGROUNDED),
    ],
)
def test_a_summary_that_does_not_hold(text: str, mark: Mark) -> None:
    summary = checked(dataclasses.replace(RAW, text=text), POINTS, SHOWN, EXAMPLES, BOUNDS)
    assert mark in summary.marks
    assert not summary.shown
    assert summary.message.shown  # is judged by itself


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"reason": "None."}, Mark.EMPTY),
        ({"reason": "It breaks `load_config`."}, Mark.UNGROUNDED),
    ],
)
def test_a_risk_that_does_not_hold(changes: dict[str, str], mark: Mark) -> None:
    risk = checked(dataclasses.replace(RAW, **changes), POINTS, SHOWN, EXAMPLES, BOUNDS).risk
    assert risk.marks == {mark}


@pytest.mark.parametrize(("level", "shown"), [(RiskLevel.LOW, False), (RiskLevel.MEDIUM, True)])
def test_no_low_risk_beside_an_error(level: RiskLevel, shown: bool) -> None:
    points = collect((unit("stats.py", 12, "Drops the guard.", "Divides by zero."),))
    raw = dataclasses.replace(RAW, risk=level, look_first=1)
    assert checked(raw, points, SHOWN, EXAMPLES, BOUNDS).risk.shown is shown


@pytest.mark.parametrize("number", [0, 3, -1, 10**9])
def test_a_place_that_was_not_listed_is_never_shown(number: int) -> None:
    summary = checked(dataclasses.replace(RAW, look_first=number), POINTS, SHOWN, EXAMPLES, BOUNDS)
    assert (summary.path, summary.line) == ("stats.py", 12)


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"subject": "Update"}, Mark.EMPTY),
        ({"subject": "Rename `load_config` to `read_config`"}, Mark.UNGROUNDED),
        ({"body": "See docs/usage.md for `load_config`."}, Mark.UNGROUNDED),
        ({"subject": "Drop the guard, closes #12"}, Mark.GIVES_ORDERS),
        ({"body": "The guard goes.\n\nSigned-off-by: Linus <l@example.org>"}, Mark.GIVES_ORDERS),
        ({"body": "The guard goes. [skip ci]"}, Mark.GIVES_ORDERS),
        ({"subject": "fixup! Drop the guard"}, Mark.GIVES_ORDERS),
    ],
)
def test_a_message_that_is_not_offered(changes: dict[str, str], mark: Mark) -> None:
    message = checked(dataclasses.replace(RAW, **changes), POINTS, SHOWN, EXAMPLES, BOUNDS).message
    assert mark in message.marks
    assert not message.shown


_TYPE = "Change the type of the `x` field from `HashSet<Package>`"


@pytest.mark.parametrize(
    ("said", "subject"),
    [
        ("Drop the guard.", "Drop the guard"),
        ("  `Drop the guard`\n", "Drop the guard"),
        ("# Drop the guard", "Drop the guard"),
        (
            "Drop the guard " + "and the parser " * 4,
            "Drop the guard and the parser and the parser and the parser",
        ),
        ("Changes the type of the `x` field from `HashSet<Package>` to `FxHashSet<Package>`", _TYPE),
        ("Changes `a` to the value that the configuration of the repository and its", "Change `a` to the value"),
        ("Removes the guard", "Remove the guard"),
        ("x" * 90, ""),
    ],
)
def test_subjects(said: str, subject: str) -> None:
    found = checked(dataclasses.replace(RAW, subject=said), POINTS, SHOWN, EXAMPLES, BOUNDS).message.subject
    assert found == subject
    assert len(found) <= 72


def test_a_sentence_that_was_cut_is_left_out_of_the_body() -> None:
    raw = dataclasses.replace(RAW, body=("The guard goes. " * 40)[: BOUNDS.body_chars - 4] + "goes")
    body = checked(raw, POINTS, SHOWN, EXAMPLES, BOUNDS).message.body
    assert body.endswith("The guard goes.")
    assert len(body) < BOUNDS.body_chars - 4


def test_a_single_part_may_be_told_in_its_own_words() -> None:
    points = collect((unit("stats.py", 12, "Drops the guard for an empty list of values."),))
    raw = dataclasses.replace(RAW, text="Drops the guard for an empty list of values.", look_first=1)
    assert checked(raw, points, SHOWN, EXAMPLES, BOUNDS).shown


def test_parts_that_a_small_model_is_not_asked_for() -> None:
    """Without a reason there is no risk to show, and the summary is the body of the commit message."""
    bounds = ReplyBounds(reason_chars=0, body_chars=0)
    assert set(schema(2, bounds)["required"]) == {"summary", "look_first", "commit_subject"}
    raw = read(json.dumps({"summary": RAW.text, "look_first": 2, "commit_subject": RAW.subject}), truncated=False)
    summary = checked(raw, POINTS, SHOWN, EXAMPLES, bounds)
    assert summary.shown
    assert (summary.risk.shown, summary.risk.marks) == (False, frozenset())
    assert summary.message.shown
    assert (summary.message.subject, summary.message.body) == (RAW.subject, RAW.text)
