from __future__ import annotations

import dataclasses

from reviewer.diff import LineKind, SourceLine
from reviewer.finding import Category, Finding, Mark, Severity, Silence, SilencedBy, UnitReview, UnitStatus
from reviewer.silencing import silence

TEXT = "x = 1 / 0\n# reviewer: ignore[bug] checked above\ny = 1 / n\nz = 2\n"


def unit(*lines: int, path: str = "a.py") -> UnitReview:
    texts = TEXT.split("\n")
    return UnitReview(
        path,
        1,
        4,
        "",
        "python",
        tuple(SourceLine(LineKind.ADDED, text, None, number) for number, text in enumerate(texts[:4], 1)),
        UnitStatus.READ,
        findings=tuple(
            Finding(path, line, Severity.ERROR, Category.BUG, f"Fails at {line}.", texts[line - 1]) for line in lines
        ),
    )


def test_who_silenced_it_and_why_is_kept() -> None:
    known = {unit(4).findings[0].fingerprint: Silence(SilencedBy.BASELINE, "from before")}
    ((done,), remarks) = silence([unit(1, 3, 4)], {"a.py": TEXT}.get, known)
    assert remarks == ()
    assert [(found.line, found.silence) for found in done.findings] == [
        (1, None),
        (3, Silence(SilencedBy.COMMENT, "checked above")),
        (4, Silence(SilencedBy.BASELINE, "from before")),
    ]
    assert [found.shown for found in done.findings] == [True, False, False]
    assert Mark.SUPPRESSED in done.findings[1].marks


def test_a_comment_counts_only_in_the_text_under_review() -> None:
    staged = TEXT.replace("# reviewer: ignore[bug] checked above", "# n is never 0")
    ((done,), _) = silence([unit(3)], {"a.py": staged}.get, {})
    assert done.findings[0].shown


def test_a_patch_without_files_is_read_by_its_lines() -> None:
    ((done,), _) = silence([unit(1, 3)], {}.get, {})
    assert [found.shown for found in done.findings] == [True, False]


def test_a_comment_of_one_file_does_not_reach_another() -> None:
    done, remarks = silence([unit(3), unit(3, path="b.py")], {"a.py": TEXT, "b.py": "\n\ny = 1 / n\n"}.get, {})
    assert [found.shown for one in done for found in one.findings] == [False, True]
    assert remarks == ()


def test_a_comment_that_does_nothing_is_told_once() -> None:
    text = TEXT.replace("[bug]", "[bugs]")
    done, remarks = silence([unit(3), unit(4)], {"a.py": text}.get, {})
    assert done[0].findings[0].shown
    assert [remark.partition(" ")[0] for remark in remarks] == ["a.py:2:"]
    assert "bugs" in remarks[0]


def test_a_stranger_silences_nothing() -> None:
    ((done,), remarks) = silence([unit(3)], {"a.py": TEXT}.get, {}, trust_comments=False)
    assert done.findings[0].shown
    assert [remark.partition(" ")[0] for remark in remarks] == ["a.py:2:"]
    assert "trust_comments" in remarks[0]
    kept = dataclasses.replace(
        done, lines=tuple(dataclasses.replace(line, kind=LineKind.CONTEXT) for line in done.lines)
    )
    ((known,), remarks) = silence([kept], {"a.py": TEXT}.get, {}, trust_comments=False)
    assert not known.findings[0].shown, "the base has the comment"
    assert remarks == ()
