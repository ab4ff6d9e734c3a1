"""What is shown beside a unit: the right pieces, in the order of their value, within their room, and nothing twice."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import diff
from reviewer.context import Extent, Piece, Role, Surroundings
from reviewer.languages import LANGUAGES
from reviewer.selection.units import ReviewUnit
from tests.snippets import SNIPPETS

ROOM = 100_000


def unit_of(language: str, text: str, changed: str) -> ReviewUnit:
    """A unit that shows one added line and nothing around it."""
    number = text.split("\n").index(changed) + 1
    line = diff.SourceLine(diff.LineKind.ADDED, changed, None, number)
    return ReviewUnit("till.x", LANGUAGES[language], "", (line,), (number,))


def pieces_of(language: str, extent: Extent, room: int = ROOM) -> dict[Role, Piece]:
    snippet = SNIPPETS[language]
    around = Surroundings(extent, {"till.x": snippet.text}.get)
    found = around.of(unit_of(language, snippet.text, snippet.changed), room)
    return {piece.role: piece for piece in reversed(found)}


@pytest.mark.parametrize("language", SNIPPETS)
def test_header_of_the_scope(language: str) -> None:
    assert pieces_of(language, "scope")[Role.SCOPE].text == SNIPPETS[language].header


@pytest.mark.parametrize("language", SNIPPETS)
def test_imports_that_the_line_uses(language: str) -> None:
    found = pieces_of(language, "scope").get(Role.IMPORT)
    assert (found.text.replace("\u2026\n", "") if found else "") == SNIPPETS[language].imported


@pytest.mark.parametrize("language", SNIPPETS)
def test_definition_that_the_line_calls(language: str) -> None:
    found = pieces_of(language, "file")[Role.DEFINITION]
    assert found.text == SNIPPETS[language].definition
    assert SNIPPETS[language].text.split("\n")[found.line - 1] == found.text.split("\n")[0]


@pytest.mark.parametrize("language", SNIPPETS)
def test_each_extent_shows_what_the_one_before_shows(language: str) -> None:
    snippet = SNIPPETS[language]
    unit = unit_of(language, snippet.text, snippet.changed)
    extents: tuple[Extent, ...] = ("none", "scope", "file")
    shown = [Surroundings(extent, {"till.x": snippet.text}.get).of(unit, ROOM) for extent in extents]
    assert shown[0] == ()
    for less, more in pairwise(shown):
        assert more[: len(less)] == less
    order = [list(Role).index(piece.role) for piece in shown[-1]]
    assert order == sorted(order)


@pytest.mark.parametrize("language", SNIPPETS)
@pytest.mark.parametrize("room", [0, 39, 120, 300])
def test_the_room_is_kept(language: str, room: int) -> None:
    found = pieces_of(language, "file", room)
    assert sum(piece.chars for piece in found.values()) <= room


def test_a_piece_that_has_no_room_leaves_it_to_a_smaller_one() -> None:
    text = f"import os\n\n\ndef f(\n    {'a' * 200},\n):\n    pass\n    x = 1\n    os.remove(x)\n"
    unit = unit_of("python", text, "    os.remove(x)")
    around = Surroundings("scope", {"till.x": text}.get)
    assert [piece.role for piece in around.of(unit, ROOM)] == [Role.SCOPE, Role.IMPORT]
    assert [piece.role for piece in around.of(unit, 100)] == [Role.IMPORT]


@settings(deadline=None, max_examples=60)
@given(language=st.sampled_from(sorted(SNIPPETS)), data=st.data())
def test_nothing_that_the_unit_shows_is_repeated(language: str, data: st.DataObject) -> None:
    text = SNIPPETS[language].text
    lines = text.split("\n")
    first = data.draw(st.integers(1, len(lines) - 1))
    last = data.draw(st.integers(first, min(first + 12, len(lines) - 1)))
    shown = range(first, last + 1)
    unit = ReviewUnit(
        "till.x",
        LANGUAGES[language],
        "",
        tuple(diff.SourceLine(diff.LineKind.ADDED, lines[number - 1], None, number) for number in shown),
        tuple(shown),
    )
    found = Surroundings("file", {"till.x": text}.get).of(unit, ROOM)
    told = [line for piece in found for line in piece.text.split("\n") if line.strip() not in ("\u2026", "")]
    left = [line.rstrip() for number, line in enumerate(lines, 1) if number not in shown]
    for line in told:  # each line of the rest is told once at most
        assert line in left
        left.remove(line)


TWO = "class A:\n    def g(self):\n        return 1\n\n\nclass B:\n    def g(self):\n        return 2\n"


@pytest.mark.parametrize(
    ("text", "changed", "wanted"),
    [
        # A name in a comment or a text is none.
        ("def f():\n    return 1\n\n\nx = 0\ny = 'f()'  # f()\n", "y = 'f()'  # f()", []),
        # self means the class's own, not another's.
        (
            f"{TWO}\n    def h(self):\n        return self.g()\n",
            "        return self.g()",
            ["B.g"],
        ),
        # A type says whose method is meant.
        (
            f"{TWO}\n\nz = A.g(1)\n",
            "z = A.g(1)",
            ["A.g", "A"],
        ),
        # What a module has is not what the file has.
        ("import os\n\n\ndef remove(x):\n    pass\n\n\nos.remove(1)\n", "os.remove(1)", []),
        # A bare name calls no method.
        ("class A:\n    def g(self):\n        pass\n\n\ndef g():\n    pass\n\n\ng()\n", "g()", ["g"]),
        # One name of many definitions tells nothing.
        ("\n\n".join(f"class A{n}:\n    def go(self): pass" for n in range(3)) + "\n\nx.go()\n", "x.go()", []),
        # A function that is passed on, not called.
        ("def f():\n    pass\n\n\nmap(f, [])\n", "map(f, [])", ["f"]),
    ],
)
def test_which_definition_is_meant(text: str, changed: str, wanted: list[str]) -> None:
    found = Surroundings("file", {"till.x": text}.get).of(unit_of("python", text, changed), ROOM)
    assert sorted(piece.name for piece in found if piece.role is Role.DEFINITION) == sorted(wanted)


def test_only_the_file_is_searched() -> None:
    text = "def f(a):\n    return a\n\n\nx = f(1)\ny = g(2)\n"
    found = Surroundings("file", {"till.x": text}.get).of(unit_of("python", text, "x = f(1)"), ROOM)
    assert [piece.name for piece in found] == ["f"]
    assert Surroundings("file", lambda _: None).of(unit_of("python", text, "x = f(1)"), ROOM) == ()
