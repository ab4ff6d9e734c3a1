"""The patch is what git apply takes: it is given to git, and the files are compared byte for byte."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.applying.patch import compose, unified
from reviewer.diff import decode, encode, parse
from reviewer.diff.names import quote, unquote
from reviewer.finding import Suggestion
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

LONG = "".join(f"line {number}\n" for number in range(1, 41))


def edit(text: str, start: int, end: int, replacement: str) -> Suggestion:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return Suggestion(start, end, replacement, "\n".join(lines[start - 1 : end]))


@pytest.mark.parametrize(
    ("name", "text", "edits"),
    [
        ("a.py", LONG, [(1, 1, "first")]),
        ("a.py", LONG, [(3, 3, "x"), (9, 9, "y"), (10, 12, ""), (40, 40, "last\nmore")]),
        ("with space/a b.py", "x\n", [(1, 1, "y")]),
        ("größe/漢字.py", "x\n", [(1, 1, "y")]),
        ('qu"ote\\tab\t.py', "x\n", [(1, 1, "y")]),
        ("crlf.txt", "a\r\nb\r\nc\r\n", [(2, 2, "B\nB2")]),
        ("no-newline", "a\nb", [(2, 2, "B")]),
        ("no-newline", "a\nb", [(1, 1, "A")]),
        ("no-newline", "a\nb", [(2, 2, "")]),
        ("emptied", "a\n", [(1, 1, "")]),
        ("latin1", "caf\udce9\nb\n", [(1, 1, "th\udce9"), (2, 2, "c")]),
        ("odd", "a\x0cb\u2028c\rd\n", [(1, 1, "x\x0cy")]),
    ],
)
def test_git_applies_it(repo: Repo, name: str, text: str, edits: list[tuple[int, int, str]]) -> None:
    if os.name == "nt" and '"' in name:
        pytest.skip("no such name on Windows")
    repo.commit("first", {name: encode(text)})
    chosen = [edit(text, *one) for one in edits]
    patch = encode(unified(name, text, chosen))
    repo.git("apply", "--index", data=patch)
    assert (repo.root / name).read_bytes() == encode(compose(text, chosen) or "")
    repo.git("apply", "-R", data=patch)
    assert (repo.root / name).read_bytes() == encode(text)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Repo.init(tmp_path_factory.mktemp("scratch")).root


@given(data=st.data(), size=st.integers(1, 40), newline=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edits(scratch: Path, data: st.DataObject, size: int, newline: bool) -> None:
    text = "\n".join(data.draw(st.lists(st.sampled_from(["a", "b", ""]), min_size=size, max_size=size)))
    text = f"{text}x" + "\n" * newline
    edits, line, count = [], 1, text.count("\n") + (not newline)
    while line <= count:
        end = data.draw(st.integers(line, min(count, line + 3)))
        if data.draw(st.booleans()):
            edits.append(edit(text, line, end, data.draw(st.sampled_from(["", "c", "a\nb", "\n\nd"]))))
        line = end + 1
    after = compose(text, edits)
    assert after is not None
    if after == text:
        return
    (scratch / "f").write_bytes(text.encode())
    Repo(scratch).git("apply", "--unidiff-zero", data=unified("f", text, edits).encode())
    assert (scratch / "f").read_bytes() == after.encode()


@given(st.binary(min_size=1, max_size=20))
def test_names_are_quoted_as_git_does(name: bytes) -> None:
    quoted = quote(decode(name))
    assert quoted.isascii()
    assert quoted.isprintable()
    if quoted.startswith('"'):
        assert unquote(quoted) == decode(name)
    else:
        assert quoted == decode(name)


def test_our_own_parser_reads_it() -> None:
    (file,) = parse(encode(unified("größe a.py", LONG, [edit(LONG, 7, 8, "x")])), "a patch").files
    assert (file.path, len(file.hunks)) == ("größe a.py", 1)
    assert file.hunks[0].added == (7,)
