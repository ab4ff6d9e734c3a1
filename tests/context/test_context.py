"""What is shown beside a unit: the right pieces, in the order of their value, within their room, and nothing twice."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import diff
from reviewer.cli.common import from_repository
from reviewer.context import Extent, Piece, Role, Surroundings, match
from reviewer.git import Repository
from reviewer.languages import LANGUAGES
from reviewer.selection.units import ReviewUnit, select
from tests.snippets import SNIPPETS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.repo import Repo

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
    extents: tuple[Extent, ...] = ("none", "scope", "file", "repo")
    shown = [Surroundings(extent, {"till.x": snippet.text}.get).of(unit, ROOM) for extent in extents]
    assert shown[0] == ()
    for less, more in pairwise(shown):
        assert more[: len(less)] == less
    order = [list(Role).index(piece.role) for piece in shown[-1]]
    assert order == sorted(order)


@pytest.mark.parametrize("language", SNIPPETS)
@pytest.mark.parametrize("room", [0, 39, 120, 300])
def test_the_room_is_kept(language: str, room: int) -> None:
    found = pieces_of(language, "repo", room)
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
    found = Surroundings("repo", {"till.x": text}.get).of(unit, ROOM)
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


@pytest.mark.parametrize(
    ("target", "path", "leads"),
    [
        (("shop", "tax"), "src/shop/tax.py", True),
        (("shop", "tax", "rate"), "shop/tax.py", True),
        (("shop", "tax"), "shop/tax/__init__.py", True),
        (("tax",), "tax.py", True),
        (("example.org", "shop", "tax"), "shop/tax/rate.go", True),
        (("com", "acme", "Tax"), "src/main/java/com/acme/Tax.java", True),
        (("components", "Button"), "src/components/Button/index.tsx", True),
        (("shop", "tax"), "other/tax.py", False),
        (("os", "path"), "shop/tax.py", False),
        (("tax",), "shop/syntax.py", False),
        ((), "tax.py", False),
    ],
)
def test_where_an_import_leads(target: tuple[str, ...], path: str, leads: bool) -> None:
    assert match.leads_to(target, path) is leads


FILES: dict[str, str | bytes] = {
    "shop/tax.py": 'def rate(country):\n    """Percent, not a share."""\n    return 19\n',
    "shop/other.py": "def unrelated():\n    pass\n",
    "else/tax.py": "def rate(country):\n    return 'wrong'\n",
    "shop/till.py": "from shop.tax import rate\n\n\ndef total(net):\n    return net\n",
    "app/main.py": "from shop.till import total\n\n\ndef pay(basket):\n    return total(basket.net)\n",
    "app/noise.py": "def total():\n    return 0\n\n\ntotal()\n",
}


def reviewed(repo: Repo, files: Mapping[str, str | bytes], staged: Mapping[str, str | bytes]) -> tuple[Piece, ...]:
    """The pieces beside the first unit of what is staged."""
    repo.commit("first", dict(files))
    repo.stage(dict(staged))
    repository = Repository.discover(repo.root)
    source = from_repository(repository, repository.target(None, staged=True))
    (unit, *_) = select(source.change, source.read, max_chars=10_000).units
    around = Surroundings("repo", source.read, source.index)
    around.prepare([unit])
    return around.of(unit, ROOM)


def test_a_definition_in_another_file_is_found_by_its_import(repo: Repo) -> None:
    text = "from shop.tax import rate\n\n\ndef total(net):\n    return net * rate('de')\n"
    found = reviewed(repo, FILES, {"shop/till.py": text})
    (piece,) = (one for one in found if one.role is Role.DEFINITION)
    assert (piece.path, piece.line, piece.name) == ("shop/tax.py", 1, "rate")
    assert piece.text == str(FILES["shop/tax.py"]).rstrip()


def test_callers_of_a_changed_signature(repo: Repo) -> None:
    text = "from shop.tax import rate\n\n\ndef total(net, country):\n    return net\n"
    found = reviewed(repo, FILES, {"shop/till.py": text})
    (piece,) = (one for one in found if one.role is Role.CALLER)
    assert (piece.path, piece.line, piece.name) == ("app/main.py", 5, "pay")
    assert piece.text == "    return total(basket.net)"


def test_a_signature_of_several_lines_changes_on_any_of_them(repo: Repo) -> None:
    before = (
        "def total(\n    net,\n):\n    return net\n\n\n" + "x = 1\n" * 9 + "\n\ndef pay(net):\n    return total(net)\n"
    )
    after = before.replace("    net,\n", "    net, country,\n")
    found = reviewed(repo, {"a.py": before}, {"a.py": after})
    assert [(one.role, one.line, one.name) for one in found if one.role is Role.CALLER] == [(Role.CALLER, 19, "pay")]


def test_a_body_that_changes_calls_for_no_callers(repo: Repo) -> None:
    text = str(FILES["shop/till.py"]).replace("return net", "return net + 1")
    assert not [one for one in reviewed(repo, FILES, {"shop/till.py": text}) if one.role is Role.CALLER]


def test_a_new_function_has_no_callers_yet(repo: Repo) -> None:
    text = str(FILES["shop/till.py"]) + "\n\ndef pay(net):\n    return net\n"
    assert not [one for one in reviewed(repo, FILES, {"shop/till.py": text}) if one.role is Role.CALLER]


def test_what_is_staged_counts_and_not_what_lies_in_the_working_tree(repo: Repo) -> None:
    repo.commit("first", FILES)
    repo.stage({"shop/tax.py": "def rate(country):\n    return 'staged'\n"})
    repo.write({"shop/tax.py": "def rate(country):\n    return 'not staged'\n"})
    text = "from shop.tax import rate\n\n\ndef total(net):\n    return net * rate('de')\n"
    repo.stage({"shop/till.py": text})
    repository = Repository.discover(repo.root)
    source = from_repository(repository, repository.target(None, staged=True))
    units = select(source.change, source.read, max_chars=10_000).units
    around = Surroundings("repo", source.read, source.index)
    around.prepare(units)
    (piece,) = (one for unit in units for one in around.of(unit, ROOM) if one.name == "rate")
    assert "return 'staged'" in piece.text


def test_without_an_index_only_the_file_is_known(repo: Repo) -> None:
    text = "def f(a):\n    return a\n\n\nx = f(1)\ny = g(2)\n"
    found = Surroundings("repo", {"till.x": text}.get).of(unit_of("python", text, "x = f(1)"), ROOM)
    assert [piece.name for piece in found] == ["f"]
    assert Surroundings("repo", lambda _: None).of(unit_of("python", text, "x = f(1)"), ROOM) == ()
