from __future__ import annotations

import dataclasses

import pytest

from reviewer.finding import Category, Finding, Severity, Source, SourceKind
from reviewer.report import ids

DIVISION = Finding("stats.py", 12, Severity.ERROR, Category.BUG, "ZeroDivisionError", "    return total / len(values)")
RULE = Source(SourceKind.RULE, "built-in", "python-bare-except")
BARE = Finding("io.py", 3, Severity.WARNING, Category.BUG, "Bare except", "except:", "load()", sources=(RULE,))


def named(*findings: Finding) -> list[str]:
    return list(ids.assign(findings))


def test_an_id_is_the_beginning_of_the_fingerprint() -> None:
    (found,) = named(DIVISION)
    assert found == DIVISION.fingerprint[:5]


def test_an_id_does_not_depend_on_the_line_the_message_or_other_findings() -> None:
    (before,) = named(DIVISION)
    moved = dataclasses.replace(DIVISION, line=40, message="divides by zero", line_text="return total / len(values)")
    others = [dataclasses.replace(DIVISION, path=f"{number}.py") for number in range(50)]
    assert named(*others, moved)[-1] == before


def crowd(digits: int) -> list[Finding]:
    """Two findings whose fingerprints have the same first digits."""
    known: dict[str, Finding] = {}
    for number in range(1_000_000):
        one = dataclasses.replace(DIVISION, path=f"{number}.py")
        other = known.setdefault(one.fingerprint[:digits], one)
        if other is not one:
            return [one, other]
    raise AssertionError


def test_a_clash_makes_ids_longer_and_each_still_means_its_finding() -> None:
    both = crowd(6)
    alone = dataclasses.replace(DIVISION, path="alone.py")
    first, second, third = named(*both, alone)
    assert first[:6] == second[:6]
    assert first != second
    assert len(third) == 5
    names = ids.full_names(both)
    assert [ids.matches(first, name) for name in names] == [True, False]
    assert [ids.matches(first[:6], name) for name in names] == [True, True]
    # After the other one was fixed, the longer id is still a prefix.
    (left,) = named(both[0])
    assert first.startswith(left)
    assert ids.matches(first, ids.full_names(both[:1])[0])


def test_findings_with_one_fingerprint_are_told_apart_by_scope_and_then_counted() -> None:
    other = dataclasses.replace(BARE, line=9, scope="save()")
    again = dataclasses.replace(BARE, line=15, scope="save()")
    found = named(BARE, other, again)
    assert len(set(found)) == 3
    assert {one.partition("-")[0] for one in found} == {BARE.fingerprint[:5]}
    # The first one was fixed, and the others moved.
    left = named(*(dataclasses.replace(one, line=one.line + 7) for one in (other, again)))
    assert left == found[1:]
    # Of the last one, the longer id is still accepted.
    (last,) = named(other)
    assert last == BARE.fingerprint[:5]
    assert ids.matches(found[1], ids.full_names([other])[0])


@pytest.mark.parametrize("asked", ["", "-", "abc", "[]", "r1", "3f2a9g", "3f2a9--", "3f2a9-x", "0" * 17, "3f2a 9"])
def test_what_is_no_id_matches_nothing(asked: str) -> None:
    assert not ids.matches(asked, "3f2a9c41d07be586-0a1b2c3d")


@pytest.mark.parametrize("asked", ["3f2a", "3F2A9", "[3f2a9]", "3f2a9-", "3f2a9-0a", "3f2a9c41d07be586-0a1b2c3d"])
def test_prefixes_match(asked: str) -> None:
    assert ids.matches(asked, "3f2a9c41d07be586-0a1b2c3d")
