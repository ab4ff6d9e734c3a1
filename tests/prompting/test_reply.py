from __future__ import annotations

import dataclasses
import json

import jsonschema
import pytest

from reviewer.engine.profile import ReplyBounds
from reviewer.finding import Category, Severity
from reviewer.prompting.reply import (
    InvalidReplyError,
    RawFinding,
    Reply,
    read_explanation,
    read_review,
    review_schema,
)

BOUNDS = ReplyBounds(explanation_chars=40, message_chars=30, fix_chars=20, max_findings=1)
FINDING = {
    "quote": "return a + b",
    "line": 7,
    "severity": "error",
    "category": "bug",
    "message": "It fails.",
    "fix": "",
}


def reply(**changes: object) -> str:
    return json.dumps({"explanation": "It adds.", "findings": [FINDING]} | changes)


def test_a_reply_that_obeys_the_schema_reads() -> None:
    text = reply()
    jsonschema.validate(json.loads(text), review_schema((5, 7), BOUNDS))
    read = read_review(text, truncated=False)
    assert read.explanation == "It adds."
    assert read.findings == (RawFinding(7, Severity.ERROR, Category.BUG, "It fails.", None, "return a + b"),)


@pytest.mark.parametrize(
    "change",
    [
        {"findings": [FINDING | {"line": 6}]},
        {"findings": [FINDING, FINDING]},
        {"findings": [FINDING | {"severity": "fatal"}]},
        {"findings": [FINDING | {"category": "unfinished"}]},
        {"findings": [FINDING | {"message": "x" * 31}]},
        {"findings": [FINDING | {"quote": "x" * 81}]},
        {"explanation": "x" * 41},
        {"verdict": "approved"},
    ],
)
def test_the_schema_refuses(change: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(reply(**change)), review_schema((5, 7), BOUNDS))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("I approve this change.", "not JSON"),
        ('{"explanation": "cut', "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"explanation": "x"}', "no list of findings"),
        (reply(explanation=7), "no text for 'explanation'"),
        (reply(findings=["x"]), "not a JSON object"),
        (reply(findings=[FINDING | {"line": "7"}]), "names no line"),
        (reply(findings=[FINDING | {"line": True}]), "names no line"),
        (reply(findings=[FINDING | {"severity": "fatal"}]), "severity"),
        (reply(findings=[FINDING | {"fix": 3}]), "fix"),
        (reply(findings=[FINDING | {"quote": ["x"]}]), "quote"),
        ("x" * 300_000, "characters"),
    ],
)
def test_an_unusable_reply_says_why(text: str, why: str) -> None:
    with pytest.raises(InvalidReplyError, match=why):
        read_review(text, truncated=False)


def test_what_is_not_asked_for_cannot_be_said() -> None:
    schema = review_schema((5, 7), dataclasses.replace(BOUNDS, quote_chars=0, fix_chars=0))
    asked = schema["properties"]["findings"]["items"]
    assert not {"quote", "fix"} & set(asked["properties"])
    assert asked["required"] == list(asked["properties"])
    bare = {key: value for key, value in FINDING.items() if key not in ("quote", "fix")}
    (found,) = read_review(reply(findings=[bare]), truncated=False).findings
    assert (found.quote, found.fix) == (None, None)


def test_a_cut_reply_is_never_read() -> None:
    with pytest.raises(InvalidReplyError, match="cut"):
        read_review(reply(), truncated=True)


@pytest.mark.parametrize(
    ("text", "explanation", "cut"),
    [
        ("Adds it.", "Adds it.", False),
        ("\n Adds it. \nAnd more.", "Adds it.", False),
        ("Adds it. And th", "Adds it. And th", True),
        (", Adds it.", "Adds it.", False),
        ('{"explanation": "Adds it.", "findings": []}', "Adds it.", False),
        ("Changes: The call is replaced.", "The call is replaced.", False),
        ('Replaces `a{` by "b" in `[0]`.', 'Replaces `a{` by "b" in `[0]`.', False),
    ],
)
def test_an_explanation_is_one_line(text: str, explanation: str, cut: bool) -> None:
    assert read_explanation(text, truncated=cut) == Reply(explanation, (), cut=cut)


def test_an_explanation_is_not_cut_where_only_its_next_line_is() -> None:
    assert read_explanation("Adds it.\nAnd th", truncated=True) == Reply("Adds it.", ())


@pytest.mark.parametrize("text", ["", " \n", '{"explanation":7}', '{"expl', "[]", "```json\nAdds it.", "<think>"])
def test_other_explanations_are_refused(text: str) -> None:
    with pytest.raises(InvalidReplyError):
        read_explanation(text, truncated=True)
