from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer.cli.complete import around
from reviewer.cli.places import Cursor, Lines, parse_cursor, parse_lines, read_text
from reviewer.errors import UsageError

if TYPE_CHECKING:
    from tests.repo import Repo


@pytest.mark.parametrize(
    ("place", "path", "first", "last"),
    [
        ("a.py", "a.py", None, None),
        ("a.py:3", "a.py", 3, 3),
        ("a.py:3-9", "a.py", 3, 9),
        ("a.py:L3-L9", "a.py", 3, 9),
        (r"C:\src\a.py", r"C:\src\a.py", None, None),
        (r"C:\src\a.py:3-9", r"C:\src\a.py", 3, 9),
        ("C:/src/a.py:7", "C:/src/a.py", 7, 7),
        ("odd:name.py", "odd:name.py", None, None),
    ],
)
def test_lines(place: str, path: str, first: int | None, last: int | None) -> None:
    assert parse_lines(place) == Lines(Path(path), first, last)


def test_an_existing_file_of_the_whole_name_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a:3").write_text("x")
    assert parse_lines("a:3") == Lines(Path("a:3"))


@pytest.mark.parametrize(
    ("place", "path", "line", "column"),
    [
        ("a.py:3", "a.py", 3, None),
        ("a.py:3:5", "a.py", 3, 5),
        (r"C:\src\a.py:3:5", r"C:\src\a.py", 3, 5),
        (r"C:\src\a.py:3", r"C:\src\a.py", 3, None),
    ],
)
def test_cursors(place: str, path: str, line: int, column: int | None) -> None:
    assert parse_cursor(place) == Cursor(Path(path), line, column)


@pytest.mark.parametrize("place", ["a.py", r"C:\src\a.py", "a.py:x", ":3"])
def test_no_cursor(place: str) -> None:
    with pytest.raises(UsageError, match="names no line"):
        parse_cursor(place)


SEPARATORS = ("\f", "\v", "\r", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_lines_are_those_of_git(repo: Repo, separator: str) -> None:
    text = f"a = 1\n# x{separator}y\r\n{separator}\nlast{separator}"
    repo.commit(files={"a.py": text.encode()})
    count = len(repo.git("blame", "-s", "a.py").rstrip(b"\n").split(b"\n"))
    for number in range(1, count + 1):
        shown = repo.git("blame", "-p", f"-L{number},{number}", "a.py").partition(b"\n\t")[2]
        assert Lines(Path("a.py"), number, number).of(text).rstrip("\n").encode() == shown.removesuffix(b"\n")
    with pytest.raises(UsageError, match=f"has {count} lines"):
        Lines(Path("a.py"), count + 1, count + 1).of(text)
    assert Cursor(Path("a.py"), 2, 5).offset(text) == 10
    assert Cursor(Path("a.py"), 2).offset(text) == len(f"a = 1\n# x{separator}y")
    assert Cursor(Path("a.py"), count).offset(text) == len(text)


def test_cutting_lines() -> None:
    text = "one\r\ntwo\nthree"
    assert Lines(Path("a")).of(text) == text
    assert Lines(Path("a"), 2, 3).of(text) == "two\nthree"
    for first, last in ((0, 1), (3, 2), (2, 4)):
        with pytest.raises(UsageError, match="has 3 lines"):
            Lines(Path("a"), first, last).of(text)


@pytest.mark.parametrize(
    ("line", "column", "before"),
    [(1, None, "ab"), (1, 1, ""), (1, 3, "ab"), (2, None, "ab\r\ncd"), (3, None, "ab\r\ncd\n"), (3, 1, "ab\r\ncd\n")],
)
def test_offsets(line: int, column: int | None, before: str) -> None:
    text = "ab\r\ncd\n"
    assert text[: Cursor(Path("a"), line, column).offset(text)] == before


@pytest.mark.parametrize(("line", "column"), [(0, None), (4, None), (1, 0), (1, 4), (3, 2)])
def test_places_that_are_not_there(line: int, column: int | None) -> None:
    with pytest.raises(UsageError, match="is out of range"):
        Cursor(Path("a"), line, column).offset("ab\r\ncd\n")


def test_an_empty_file_has_one_place() -> None:
    assert Cursor(Path("a"), 1).offset("") == 0


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_text(tmp_path / "none")
    with pytest.raises(UsageError, match="cannot read"):
        read_text(tmp_path)
    (tmp_path / "b").write_bytes(b"a\0b")
    with pytest.raises(UsageError, match="binary"):
        read_text(tmp_path / "b")
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfa\r\nb\xff")
    assert read_text(tmp_path / "t") == "a\r\nb\ufffd"


TEXT = "".join(f"line {number:03}\n" for number in range(1, 101))  # 9 characters each


@pytest.mark.parametrize("position", [0, 4, 9, 449, 450, 455, 890, 899, 900])
@pytest.mark.parametrize("room", [30, 90, 200, 899, 900, 5000])
def test_the_text_around_a_place(position: int, room: int) -> None:
    nearby, cursor = around(TEXT, position, room)
    assert nearby in TEXT
    assert TEXT[position - cursor :].startswith(nearby)
    assert len(nearby) <= max(room, 30)
    assert len(nearby) % 9 == 0  # whole lines
    if room >= 900:
        assert nearby == TEXT
    elif room >= 90:
        assert len(nearby) > room - 30  # what one side leaves free, the other takes


def test_a_line_longer_than_the_room_stays_whole() -> None:
    assert around("a\n" + "x" * 50 + "\nb\n", 20, 10) == ("x" * 50 + "\n", 18)
