from __future__ import annotations

import dataclasses

from reviewer.asking.votes import merge
from reviewer.finding import Category, Finding, Mark, Severity

A = Finding("a.py", 3, Severity.ERROR, Category.BUG, "Fails when values is empty.", "return total / len(values)")
B = dataclasses.replace(A, line=7, line_text="count += 1", message="Counts twice.")


def test_one_voice_is_no_vote() -> None:
    assert merge([(A, B)]) == (A, B)
    assert merge([]) == ()


def test_each_finding_has_the_share_of_samples_that_found_it() -> None:
    worded_anew = dataclasses.replace(A, message="No value, no mean.")
    merged = merge([(A,), (worded_anew, B), (A,)])
    assert [(found.message, found.agreement) for found in merged] == [(A.message, 1.0), (B.message, 1 / 3)]


def test_another_category_is_another_finding() -> None:
    assert [found.agreement for found in merge([(A,), (dataclasses.replace(A, category=Category.SECURITY),)])] == [
        0.5, 0.5,
    ]  # fmt: skip


def test_a_sample_votes_once_and_nothing_of_it_is_dropped() -> None:
    twice = dataclasses.replace(A, message="Said again in other words.")
    merged = merge([(A, twice), ()])
    assert [(found.message, found.agreement) for found in merged] == [(A.message, 0.5), (twice.message, 0.5)]


def test_what_is_shown_goes_before_what_is_marked() -> None:
    (found,) = merge([(A.marked(Mark.UNGROUNDED),), (dataclasses.replace(A, message="Good."),), ()])
    assert (found.message, found.marks, found.agreement) == ("Good.", frozenset(), 1 / 3)


def test_what_nobody_would_show_stays_marked() -> None:
    (found,) = merge([(A.marked(Mark.ECHO),), (A.marked(Mark.ECHO),)])
    assert (found.marks, found.agreement) == ({Mark.ECHO}, 1.0)
