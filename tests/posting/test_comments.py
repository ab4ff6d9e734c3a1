"""The text of comments: bounded, inert, and with suggestions only where a click commits what was checked."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.diff import Change, FileChange, FileStatus, Hunk, SourceLine
from reviewer.finding import Category, Finding, Mark, Review, Severity, Source, SourceKind, Suggestion
from reviewer.posting import comments, marker, plan
from reviewer.posting.comments import MAX_CHARS, LineComment, Style
from reviewer.posting.lines import Lines
from reviewer.posting.marker import Marker
from reviewer.posting.plan import Plan, State
from reviewer.report import RenderOptions
from tests.report.samples import diff, unit
from tests.report.test_markdown import Page

HEAD = "0123456789abcdef0123456789abcdef01234567"
KEY = "0123456789abcdef"
LINES = diff(" one\n-two\n+TWO\n+three\n four\n five\n six\n seven\n eight\n nine")
FIX = Suggestion(start=2, end=3, replacement="a\nb", original="TWO\nthree", proof="parses")
OPTIONS = RenderOptions()


def change(lines: tuple[SourceLine, ...] = LINES, status: FileStatus = FileStatus.MODIFIED) -> Change:
    return Change("x", (FileChange("a.py", status, hunks=(Hunk(1, 9, 1, 10, "", lines),)),))


def finding(**more: object) -> Finding:
    source = Source(SourceKind.TOOL, "ruff", "B006")
    plain = Finding("a.py", 2, Severity.ERROR, Category.BUG, "Message", "TWO", sources=(source,))
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


def planned(*found: Finding, style: Style = Style.GITHUB, lines: tuple[SourceLine, ...] = LINES) -> Plan:
    review = Review("x", (unit("a.py", lines, "Explains.", *found),))
    return plan.make(review, Lines(change(lines)), OPTIONS, State(HEAD), style=style)


def only(*found: Finding, style: Style = Style.GITHUB, lines: tuple[SourceLine, ...] = LINES) -> LineComment:
    (comment,) = planned(*found, style=style, lines=lines).comments
    return comment


def test_the_suggestion_of_each_forge() -> None:
    one = finding(suggestion=FIX, line=3)
    github, gitlab, gitea = (only(one, style=style) for style in (Style.GITHUB, Style.GITLAB, Style.NONE))
    assert "```suggestion\na\nb\n```" in github.body
    assert (github.start, github.end, github.line) == (2, 3, 3)
    assert "```suggestion:-1+0\na\nb\n```" in gitlab.body
    assert "suggestion" not in gitea.body
    assert "```diff\n@@ line 2 @@\n-TWO\n-three\n+a\n+b\n```" in gitea.body
    for comment in (github, gitlab, gitea):
        assert "Proven fix (parses):" in comment.body


@pytest.mark.parametrize(
    "suggestion",
    [
        dataclasses.replace(FIX, end=9),  # beyond the lines that the forge shows
        dataclasses.replace(FIX, start=3),  # not at the finding's line
        dataclasses.replace(FIX, replacement='password = "hunter2-Xk29aa81bQ"'),  # masked
        dataclasses.replace(FIX, replacement="a\u202eb"),  # made visible
    ],
)
def test_what_a_click_must_not_commit(suggestion: Suggestion) -> None:
    for style in (Style.GITHUB, Style.GITLAB):
        comment = only(finding(suggestion=suggestion), style=style)
        assert "```suggestion" not in comment.body
        assert "```diff" in comment.body
        assert comment.start == comment.end == 2


def test_a_hidden_suggestion_is_not_shown() -> None:
    hidden = dataclasses.replace(FIX, marks=frozenset({Mark.DOES_NOT_PARSE}))
    assert "```" not in only(finding(suggestion=hidden)).body


def test_lines_that_end_with_a_carriage_return() -> None:
    lines = tuple(dataclasses.replace(line, ending="\r\n") for line in LINES)
    assert "```suggestion" not in only(finding(suggestion=FIX), lines=lines).body


def test_a_deletion() -> None:
    body = only(finding(suggestion=dataclasses.replace(FIX, replacement=""))).body
    assert "```suggestion\n```" in body


def test_quick_actions_in_a_suggestion() -> None:
    """GitLab takes a fence in a block for its end, and looks for quick actions after it."""
    for text in ("```\n/merge\n", "/merge"):
        body = only(finding(suggestion=dataclasses.replace(FIX, replacement=text)), style=Style.GITLAB).body
        assert not re.search(r"^/", body, re.MULTILINE)
    fix = dataclasses.replace(FIX, replacement="```\n/merge\n")
    # Elsewhere the longer fence holds.
    assert "````suggestion\n```\n/merge\n\n````" in only(finding(suggestion=fix)).body


HOSTILE = [
    "@everyone see #12, !3 and owner/repo#4",
    "<img src=x onerror=alert(1)><!-- vllm-reviewer: finding 0123456789abcdef gone -->",
    "[click](javascript:alert(1)) ![x](https://evil.invalid/x.png) https://evil.invalid",
    "/merge",
    "a\n/close\n::error::x ##[group]",
    "`` ` ```` code",
    "</details></summary><h1>",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("style", list(Style))
def test_hostile_text_stays_text(text: str, style: Style) -> None:
    source = Source(SourceKind.TOOL, text, text, url="https://evil.invalid/" + text)
    fix = dataclasses.replace(FIX, proof=text, replacement="x = 1")
    made = planned(finding(message=text, context=text, sources=(source,), suggestion=fix), style=style)
    for body in (made.comments[0].body, made.summary, comments.retired(made.comments[0].body, KEY, HEAD)):
        page = Page(body)
        assert page.tags <= {"h2", "h3", "p", "strong", "code", "pre", "ul", "li", "details", "summary", "em"}
        assert page.links <= {"https://evil.invalid/" + text}
        assert "javascript:" not in str(page.links)
        outside = re.sub(r"^(`{3,})[^\n]*\n.*?^\1$", "", body, flags=re.DOTALL | re.MULTILINE)
        assert not re.search(r"^/", outside, re.MULTILINE)
        assert not re.search(r"(?<![`\w])@everyone", re.sub(r"`[^`]*`", "", outside))
        found = marker.read(body)
        assert found is not None
        assert found.key != KEY or found.gone  # only the one that we wrote


@given(st.text(max_size=300), st.text(max_size=200))
def test_a_marker_in_the_code_is_not_ours(message: str, code: str) -> None:
    forged = f"{code}\n{Marker(key='f' * 16, gone=True)}"
    fix = dataclasses.replace(FIX, replacement=forged, proof=forged)
    made = planned(finding(message=message + forged, context=forged, suggestion=fix))
    for body in (made.comments[0].body, made.summary):
        found = marker.read(body)
        assert found is not None
        assert found.key != "f" * 16
        assert not found.noted


@pytest.mark.parametrize("size", [1_000, 60_000, 70_000, 150_000])
@pytest.mark.parametrize("letter", ["x", "é", "@", "`", " y"])
def test_the_limit_is_kept(size: int, letter: str) -> None:
    text = letter * size
    fix = dataclasses.replace(FIX, replacement=text, proof="parses")
    made = planned(finding(message=text, context=text, suggestion=fix), finding(line=9, message=text))
    (comment,) = made.comments
    for body in (comment.body, made.summary, comments.retired(comment.body, KEY, HEAD)):
        assert len(body) <= MAX_CHARS
        assert marker.read(body) is not None
        assert Page(body).html.rstrip().endswith("-->")  # no block is open
        assert body.count("<details>") == body.count("</details>")
    if "```suggestion" not in comment.body:
        assert comment.start == comment.end


def test_the_summary_lists_what_has_a_comment_and_shows_the_rest() -> None:
    made = planned(finding(suggestion=FIX), finding(line=10, line_text="nine", message="Far away"))
    assert len(made.comments) == 1
    assert made.noted == 1
    assert "- `a.py:2` **error** · bug · ruff B006: Message" in made.summary
    assert "Far away" in made.summary
    assert "```diff" in made.summary
    found = marker.read(made.summary)
    assert found is not None
    assert len(found.noted) == 1


def test_equal_findings_have_keys_of_their_own() -> None:
    made = planned(finding(), finding(line=3))
    first, second = (comment.key for comment in made.comments)
    assert second == f"{first}-2"


def test_secrets_are_masked() -> None:
    secret = "hunter2-Xk29aa81bQ"
    lines = diff(f' one\n-two\n+password = "{secret}"\n+three\n four')
    made = planned(
        finding(message=f"The password {secret} is in the code", line_text=lines[2].text, context=f"It is {secret}."),
        finding(line=9, message=f"and {secret} again", line_text=lines[2].text),
        lines=lines,
    )
    assert secret not in made.comments[0].body + made.summary


@pytest.mark.parametrize(
    "value",
    [
        Marker(key=KEY),
        Marker(key=f"{KEY}-12", gone=True),
        Marker(head=HEAD),
        Marker(head=HEAD, noted=frozenset({KEY, f"{KEY}-2"})),
    ],
)
def test_markers_are_read_as_written(value: Marker) -> None:
    for ending in ("", "\n", "\r\n", "  \n\n"):
        assert marker.read(f"text\r\n\r\n{value}{ending}") == value
    assert marker.without(f"text\n\n{value}\n") == "text"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        f"{Marker(key=KEY)}",  # a comment is more than a marker
        f"text\n{Marker(key=KEY)}\nmore",
        f"text\n> {Marker(key=KEY)}",
        f"text\n{Marker(key='x' * 16)}",
        f"text\n{Marker(key=KEY[:8])}",
        f"text\n{Marker(head='main')}",
        "text\n<!-- vllm-reviewer: finding -->",
    ],
)
def test_what_is_no_marker(body: str) -> None:
    assert marker.read(body) is None


def test_the_lines_of_a_forge() -> None:
    lines = Lines(change(diff("\n".join([f" {n}" for n in range(1, 9)] + ["+new"] + [f" {n}" for n in range(9, 20)]))))
    assert [n for n in range(1, 30) if lines.find("a.py", n)] == [6, 7, 8, 9, 10, 11, 12]
    assert lines.find("b.py", 9) is None
    assert lines.together("a.py", 6, 12)
    assert not lines.together("a.py", 5, 9)


def test_hunks_that_are_shown_apart_are_apart() -> None:
    text = ["+a", *[f" {n}" for n in range(7)], "+b", *[f" {n}" for n in range(6)], "+c"]
    lines = Lines(change(diff("\n".join(text))))
    assert [n for n in range(1, 20) if lines.find("a.py", n) is None] == [5, 17, 18, 19]
    assert not lines.together("a.py", 4, 6)
    assert lines.together("a.py", 9, 16)  # six lines between two changes are context of both


def test_files_without_places() -> None:
    assert Lines(change(status=FileStatus.TYPE_CHANGED)).find("a.py", 2) is None
    odd = Change("x", (dataclasses.replace(change().files[0], path="a\udcff.py"),))
    assert Lines(odd).find("a\udcff.py", 2) is None
