"""Ignore comments: every way to write one, what each speaks of, and what only looks like one."""

from __future__ import annotations

import time

import pytest

from reviewer.finding import Category
from reviewer.languages import GENERIC, LANGUAGES
from reviewer.silencing.ignores import HEADER_LINES, in_lines, in_text

BUG, SECURITY = Category.BUG, Category.SECURITY

# One comment beside code, as each language writes it; all say the same.
BESIDE = [
    ("python", "x = 1  # reviewer: ignore[bug] by design"),
    ("python", "x = 1  # noqa: E501  # reviewer: ignore[bug] by design"),
    ("javascript", "let x = 1; // reviewer: ignore[bug] by design"),
    ("javascript", "let x = 1; /* reviewer: ignore[bug] by design */ let y = 2;"),
    ("typescript", "let x: number = 1; // reviewer: ignore[bug] by design"),
    ("tsx", "const x = <b>1</b>; // reviewer: ignore[bug] by design"),
    ("go", "var x = 1 // reviewer: ignore[bug] by design"),
    ("rust", "let x = 1; // reviewer: ignore[bug] by design"),
    ("java", "int x = 1; // reviewer: ignore[bug] by design"),
    ("kotlin", "val x = 1 // reviewer: ignore[bug] by design"),
    ("c", "int x = 1; /* reviewer: ignore[bug] by design */"),
    ("cpp", "int x = 1; // reviewer: ignore[bug] by design"),
    ("csharp", "int x = 1; // reviewer: ignore[bug] by design"),
    ("ruby", "x = 1 # reviewer: ignore[bug] by design"),
    ("php", "<?php $x = 1; # reviewer: ignore[bug] by design"),
    ("shell", "x=1 # reviewer: ignore[bug] by design"),
    ("swift", "let x = 1 // reviewer: ignore[bug] by design"),
    ("sql", "SELECT 1; -- reviewer: ignore[bug] by design"),
    ("html", "<p>x</p> <!-- reviewer: ignore[bug] by design -->"),
    ("css", "a { color: red } /* reviewer: ignore[bug] by design */"),
    ("yaml", "x: 1  # reviewer: ignore[bug] by design"),
    ("dockerfile", "RUN make # reviewer: ignore[bug] by design"),
    ("terraform", "x = 1 # reviewer: ignore[bug] by design"),
    ("markdown", "Text. <!-- reviewer: ignore[bug] by design -->"),
    ("generic", "x = 1 -- reviewer: ignore[bug] by design"),
    ("generic", "(setq x 1) ; reviewer: ignore[bug] by design"),
    ("generic", "x = 1 % reviewer: ignore[bug] by design"),
]


def test_every_language_is_tried() -> None:
    assert {name for name, _ in BESIDE} == set(LANGUAGES)


@pytest.mark.parametrize(("language", "line"), BESIDE)
def test_beside_code_it_speaks_of_its_own_line(language: str, line: str) -> None:
    (found,) = in_text(LANGUAGES[language], f"{line}\n")
    assert (found.first, found.last, found.reason, found.problem) == (1, 1, "by design", "")
    assert found.covers(1, BUG)
    assert not found.covers(1, SECURITY)


ALONE = [
    ("python", "# reviewer: ignore\n# and why\n\nx = 1\n", 4),
    ("python", "def f():\n    # reviewer: ignore\n    return 1\n", 3),
    ("c", "/*\n * reviewer: ignore\n * for now\n */\nint x;\n", 5),
    ("javascript", "/* reviewer: ignore */\nlet x = 1\n", 2),
    ("tsx", "const x = <p>\n  {/* reviewer: ignore */}\n  <b/>\n</p>;\n", 3),
    ("ruby", "=begin\nreviewer: ignore\n=end\nx = 1\n", 4),
    ("rust", "/// reviewer: ignore\nfn f() {}\n", 2),
    ("sql", "-- reviewer: ignore\n-- more\nSELECT 1;\n", 3),
    ("html", "<!-- reviewer: ignore -->\n<p>x</p>\n", 2),
    ("generic", "; reviewer: ignore\n; more\n(f)\n", 3),
]


@pytest.mark.parametrize(("language", "text", "line"), ALONE)
def test_alone_on_a_line_it_speaks_of_the_next_code(language: str, text: str, line: int) -> None:
    (found,) = in_text(LANGUAGES[language], text)
    assert (found.first, found.last) == (line, line)
    assert all(found.covers(line, category) for category in Category)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", 'x = "# reviewer: ignore"\n'),
        ("python", 'x = """\n# reviewer: ignore\n"""\n'),
        ("javascript", "const x = `\n// reviewer: ignore\n`\n"),
        ("shell", "cat <<E\n# reviewer: ignore\nE\n"),
        ("python", "# Write reviewer: ignore to silence it.\nx = 1\n"),
        ("python", "x = 1  # reviewer: ignored\n"),
        ("python", "x = 1  # reviewer: ignore-line\n"),
        ("markdown", "# reviewer: ignore\ntext\n"),
        ("yaml", "url: http://reviewer: ignore\n"),
        ("sql", "SELECT 'x' # reviewer: ignore\n"),
    ],
)
def test_what_only_looks_like_one_silences_nothing(language: str, text: str) -> None:
    assert in_text(LANGUAGES[language], text) == ()


@pytest.mark.parametrize(
    ("comment", "categories", "reason"),
    [
        ("reviewer: ignore", None, ""),
        ("reviewer:ignore", None, ""),
        ("Reviewer: Ignore[Bug]: it is so", {BUG}, "it is so"),
        ("reviewer: ignore [bug , security] - both", {BUG, SECURITY}, "both"),
        ("reviewer: ignore \u2014 why not", None, "why not"),
    ],
)
def test_ways_to_write_it(comment: str, categories: set[Category] | None, reason: str) -> None:
    (found,) = in_text(LANGUAGES["python"], f"x = 1  # {comment}\n")
    assert (found.categories, found.reason) == (categories, reason)


@pytest.mark.parametrize(
    ("brackets", "said", "covered"),
    [("[bugs]", "'bugs'", False), ("[bugs, bug]", "bugs", True), ("[]", "without a category", False)],
)
def test_an_unknown_category_is_told(brackets: str, said: str, covered: bool) -> None:
    (found,) = in_text(LANGUAGES["python"], f"x = 1  # reviewer: ignore{brackets}\n")
    assert said.strip("'") in found.problem
    assert "categories: bug, security" in found.problem
    assert found.covers(1, BUG) is covered
    assert not found.covers(1, SECURITY)


def test_a_whole_file() -> None:
    (found,) = in_text(LANGUAGES["python"], "#!/usr/bin/python\n# reviewer: ignore-file[bug] generated\nx = 1\n")
    assert found.covers(10_000, BUG)
    assert not found.covers(3, SECURITY)
    assert found.reason == "generated"
    (late,) = in_text(LANGUAGES["python"], "x = 1\n" * HEADER_LINES + "# reviewer: ignore-file\ny = 1\n")
    assert "first 20 lines" in late.problem
    assert not any(late.covers(line, BUG) for line in range(30))


def test_carriage_returns_are_no_part_of_it() -> None:
    (found,) = in_text(LANGUAGES["python"], "# reviewer: ignore why\r\n\r\nx = 1\r\n")
    assert (found.first, found.reason) == (3, "why")


def test_a_text_too_large_to_parse_is_read_by_its_tokens() -> None:
    text = "x = 1  # reviewer: ignore\n" + "y = 2\n" * 200_000
    (found,) = in_text(LANGUAGES["python"], text)
    assert found.first == 1


def test_of_a_patch_only_the_lines_that_are_known_count() -> None:
    lines = {10: "# reviewer: ignore", 11: "x = 1", 40: "# reviewer: ignore", 90: "y = 1"}
    near, far = in_lines(LANGUAGES["python"], lines)
    assert (near.first, near.last) == (11, 11)
    assert (far.first, far.last) == (40, 40), "what stands between 40 and 90 is not known"


def test_hostile_lines_take_no_time() -> None:
    line = "# " * 50_000 + "reviewer:" + " " * 50_000 + "<!-- " * 20_000
    assert in_lines(GENERIC, {1: line}) == ()


@pytest.mark.parametrize(
    "comment",
    [
        "# reviewer: ignore x" + " " * 200_000 + "y",
        "# " * 100_000 + "reviewer: ignore",
        "(;#" * 70_000,
        "# reviewer: ignore" + "[" * 200_000,
        "#" * 200_000 + " reviewer:",
        "# reviewer:" * 20_000,
        "/*" * 100_000 + "reviewer: ignore",
    ],
)
@pytest.mark.parametrize("language", ["python", "c", "generic"])
def test_a_long_comment_takes_no_time(language: str, comment: str) -> None:
    began = time.process_time()
    in_lines(LANGUAGES[language], {1: comment, 2: "x = 1  " + comment})
    in_text(LANGUAGES[language], f"{comment}\nx = 1\n")
    assert time.process_time() - began < 5
