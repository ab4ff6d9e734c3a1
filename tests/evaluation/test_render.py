from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from reviewer.evaluation.page import page, verdict
from reviewer.evaluation.render import as_json, text
from reviewer.evaluation.report import EvaluationReport, make_report
from tests.evaluation.samples import AFTER, BEFORE, PATH, bug, fix, found, patch, record

EVIL = '<script>alert("x")</script>\x1b[31m\u202e&'


def report() -> EvaluationReport:
    cases = [bug(), fix()]
    return make_report("set", cases, [record(cases[0], found(fixed=())), record(cases[1], found(marks=("echo",)))])


class Tags(HTMLParser):
    """Collects tags and their attributes, and checks that they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(written: str) -> Tags:
    tags = Tags()
    tags.feed(written)
    tags.close()
    assert tags.open == []
    return tags


def test_the_page_is_well_formed_and_needs_nothing_else() -> None:
    written = page(report())
    tags = parsed(written)
    assert tags.seen.isdisjoint({"script", "link", "img", "iframe", "a"})
    assert "http" not in written.replace("http-equiv", "")
    assert 'class="add label"' in written
    assert "Divides by zero" in written
    assert "<b>The model:</b> Drops the guard" in written
    assert 'class="gap"' not in written  # one hunk each


def test_the_page_shows_where_lines_were_left_out() -> None:
    before = "".join(f"x{number} = {number}\n" for number in range(30))
    after = before.replace("x2 = 2", "x2 = 3").replace("x25 = 25", "x25 = 26")
    case = bug(patch=patch(before, after), texts={PATH: after}, defects=())
    assert page(make_report("set", [case], [record(case)])).count('class="gap"') == 1


@pytest.mark.parametrize(
    "where", ["title", "message", "explanation", "reference", "id", "kind", "line", "path", "problem"]
)
def test_nothing_from_outside_becomes_markup(where: str) -> None:
    odd: dict[str, Any] = {
        "reference": {"reference": EVIL},
        "kind": {"kind": EVIL},
        "line": {"patch": patch(BEFORE, AFTER.replace("values)\n", f"values)  # {EVIL}\n"))},
        "path": {"patch": patch(path=EVIL.replace("\x1b", "")), "defects": ()},
    }
    changes: dict[str, Any] = odd.get(where, {})
    case = bug(EVIL if where == "id" else "b", **changes)
    one = found()
    if where == "message":
        one = type(one)(PATH, 3, EVIL, EVIL, EVIL, (EVIL,))
    others: dict[str, Any] = {"explanation": {"explanations": (EVIL,)}, "problem": {"problem": EVIL, "read": 0}}
    other = others.get(where, {})
    made = make_report(EVIL if where == "title" else "t", [case], [record(case, one, **other)])
    written = page(made)
    assert "&lt;script&gt;" in written
    assert "script" not in parsed(written).seen
    assert "\x1b" not in written
    assert "\u202e" not in written
    assert "\x1b" not in text(made)
    json.loads(as_json(made))


def test_a_secret_in_a_reply_is_masked() -> None:
    case = bug()
    token = "ghp_" + "a1B2" * 10
    made = make_report("t", [case], [record(case, explanations=(f"Adds {token}.",))])
    assert token not in page(made)
    assert token not in as_json(made)


def test_the_table_fits_a_terminal_and_a_pipe() -> None:
    written = text(report())
    assert max(map(len, written.splitlines())) <= 80
    assert "\x1b" not in written
    assert "\x1b[" in text(report(), color=True)
    text(report(), ascii_only=True).encode("ascii")
    assert "recall: defects with a finding on their lines" in written
    assert "1 of 1" in written


@pytest.mark.parametrize(
    ("case", "findings", "changes", "expected"),
    [
        (bug(), [found()], {}, "found"),
        (bug(), [], {}, "missed"),
        (bug(), [found(1)], {}, "missed, another line named"),
        (bug(), [found(marks=("echo",))], {}, "missed"),
        (bug(), [], {"read": 0}, "not read"),
        (fix(), [], {}, "rightly silent"),
        (fix(), [found()], {}, "false alarm"),
        (bug(defects=(frozenset({(PATH, 3)}), frozenset({(PATH, 1)}))), [found()], {}, "1 of 2 found"),
    ],
)
def test_verdicts(case: Any, findings: list[Any], changes: dict[str, Any], expected: str) -> None:
    assert verdict(case, record(case, *findings, **changes)) == expected


def test_kinds_are_counted_apart() -> None:
    (model,) = report().models
    assert [(row.name, row.hit, row.defects, row.alarmed, row.clean) for row in model.kinds] == [
        ("clean", 0, 0, 0, 1),
        ("division", 1, 1, 0, 0),
    ]


def test_a_figure_without_spread_has_no_interval() -> None:
    cases = [bug(f"b{n}", group=f"b{n}") for n in range(6)]
    lines = text(make_report("t", cases, [record(case) for case in cases])).splitlines()
    (recall,) = (line for line in lines if line.startswith("recall:"))
    assert "0 of 6" in recall
    assert " to " not in recall
    found_some = [record(case, *([found()] if n % 2 else [])) for n, case in enumerate(cases)]
    lines = text(make_report("t", cases, found_some)).splitlines()
    (recall,) = (line for line in lines if line.startswith("recall:"))
    assert "% to " in recall


def test_a_long_breakdown_is_left_to_the_page() -> None:
    cases = [bug(f"b{n}", group=f"b{n}", kind=f"kind {n}") for n in range(30)]
    made = make_report("t", cases, [record(case) for case in cases])
    assert "kind 7" not in text(made)
    assert "kind 7" in page(made)
