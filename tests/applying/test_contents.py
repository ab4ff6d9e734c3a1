"""Which files are read and replaced, on real repositories; what a suggestion for odd characters writes."""

from __future__ import annotations

import codecs
import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from reviewer import diff
from reviewer.applying import last
from reviewer.applying.contents import WorkingTree
from reviewer.checking.claims import Claims, completion
from reviewer.engine.profile import ReplyBounds
from reviewer.errors import UsageError
from reviewer.finding import Category, Finding, Mark, Review, Severity, UnitReview, UnitStatus
from reviewer.git import Repository
from reviewer.languages import detect
from reviewer.prompting.reply import RawFinding, Reply
from reviewer.selection.units import select
from reviewer.unfinished import find
from reviewer.unfinished.gaps import Gap
from tests.applying.samples import history, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

posix = pytest.mark.skipif(os.name != "posix", reason="links of POSIX")


def tree(repo: Repo) -> WorkingTree:
    return WorkingTree(Repository.discover(repo.root))


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/pre-commit", ".GIT/config", ".Git/config", "sub/.git/config", ".git./config", ".git /config",
        ".git . ./config", "git~1/config", "GIT~2/config", ".git::$INDEX_ALLOCATION/config", ".git:stream/config",
        ".g\u200cit/config", ".git\ufeff/config", ".git\\config", "a\\.git\\config", ".git", "sub/.git",
        "./.git/config", "sub/../.git/config", "../outside", "/etc/passwd", "C:\\x", "", "a\0b", "\ud800",
    ],
)  # fmt: skip
def test_git_folders_and_the_outside_are_refused_in_every_spelling(repo: Repo, path: str) -> None:
    repo.commit("first", {"sub/a.py": "x\n"})
    with pytest.raises(UsageError):
        tree(repo).read(path)
    with pytest.raises(UsageError):
        tree(repo).replace(path, b"", b"evil")


@pytest.mark.parametrize(
    "path", [".gitignore", ".github/x", "git~x", "git", "a.git/x", ".gitx", "git~1x", "...", "a:b"]
)
def test_other_names_are_files_like_any(repo: Repo, path: str) -> None:
    repo.write({path: "x\n"})
    tree(repo).replace(path, b"x\n", b"y\n")
    assert (repo.root / path).read_bytes() == b"y\n"


def test_a_git_folder_of_another_name_is_refused(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("first", {"a.py": "x\n"})
    (repo.root / ".git").rename(repo.root / "meta")
    monkeypatch.setenv("GIT_DIR", str(repo.root / "meta"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repo.root))
    here = WorkingTree(Repository.discover(repo.root))
    assert here.read("a.py") == b"x\n"
    with pytest.raises(UsageError, match="leads into the git folder"):
        here.read("meta/config")
    with pytest.raises(UsageError, match="leads into the git folder"):
        here.replace("meta/hooks/pre-commit", b"", b"evil")


@posix
def test_a_folder_that_is_swapped_for_a_link_is_never_followed(repo: Repo, tmp_path: Path) -> None:
    repo.commit("first", {"sub/deep/a.py": "x\n"})
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "a.py").write_text("x\n")
    sub, aside = repo.root / "sub", repo.root / "aside"
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            sub.rename(aside)
            sub.symlink_to(outside)
            sub.unlink()
            aside.rename(sub)

    swapping = threading.Thread(target=swap)
    swapping.start()
    states = [b"x\n", b"y\n"]
    tries = written = 0
    deadline = time.monotonic() + 60
    try:
        here = tree(repo)
        while (tries < 300 or written < 20) and time.monotonic() < deadline:
            tries += 1
            with contextlib.suppress(UsageError):
                here.replace("sub/deep/a.py", *states)
                states.reverse()
                written += 1
    finally:
        done.set()
        swapping.join()
    assert (outside / "deep" / "a.py").read_text() == "x\n"
    assert list((outside / "deep").iterdir()) == [outside / "deep" / "a.py"]
    assert written, "the folder was never seen in its place"


@posix
@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_regular_files_are_replaced(repo: Repo, tmp_path: Path, kind: str) -> None:
    (tmp_path / "outside").write_text("x\n")
    if kind == "link":
        (repo.root / "a").symlink_to(tmp_path / "outside")
    elif kind == "fifo":
        os.mkfifo(repo.root / "a")
    else:
        (repo.root / "a").mkdir()
    with pytest.raises(UsageError):
        tree(repo).replace("a", b"x\n", b"y\n")
    assert (tmp_path / "outside").read_text() == "x\n"


def reviewed(repo: Repo, fix: str | None, *, path: str = "a.py", quote: str | None = None) -> Finding:
    """The finding of a model that was shown the staged change and suggests ``fix`` for its first changed line."""
    repository = Repository.discover(repo.root)
    target = repository.target(None, staged=True)
    change = diff.parse(repo.git("diff", "--cached", "--no-color", "--", path), "staged")
    text = diff.decode(repository.content(target, path) or b"")
    (unit,) = select(change, {path: text}.get, max_chars=10_000).units
    raw = RawFinding(1, Severity.ERROR, Category.BUG, "The price is wrong.", fix, quote)
    (found,) = Claims(unit, text, (), (), ReplyBounds()).findings(Reply("", (raw,)))
    review = UnitReview(path, 1, 1, "", detect(path, "").name, unit.lines, UnitStatus.READ, findings=(found,))
    assert last.keep(repository, target, Review("staged", (review,)), {path: text}.get)
    return found


def shown_line(content: bytes) -> str:
    return diff.printable(diff.decode(content.split(b"\n")[0]).removesuffix("\r"))


ODD = [
    pytest.param(b"caf\xe9", id="latin-1"),
    pytest.param("中文".encode("gbk"), id="GBK"),
    pytest.param("日本".encode("shift_jis"), id="Shift JIS"),
    *(
        pytest.param(f"a{char}b".encode(), id=f"U+{ord(char):04X}")
        for char in "\x0c\x0b\x1b\r\x00\x08\x7f\x85\xad\u200b\u200e\u202e\u2028\u2029\u2066\ufeff\U000e0041"
        if char != "\x00"
    ),
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_fix_keeps_the_bytes_of_what_it_was_shown(repo: Repo, odd: bytes, newline: bytes) -> None:
    repo.git("config", "core.autocrlf", "false")
    repo.commit("first", {"a.py": "y = 1\n"})
    content = b"price = 1  # " + odd + newline + b"y = 1" + newline
    repo.stage({"a.py": content})
    shown = shown_line(content)
    found = reviewed(repo, shown.replace("1", "2", 1), quote=shown)
    assert Mark.MISQUOTED not in found.marks
    assert found.suggestion is not None
    assert found.suggestion.shown, found.suggestion.marks
    kept = last.load(repo.root / ".git")
    assert write(repo, kept, 1).refusals == ()
    assert (repo.root / "a.py").read_bytes() == content.replace(b"1", b"2", 1)


@pytest.mark.parametrize("odd", ODD)
def test_a_fix_that_drops_it_drops_it(repo: Repo, odd: bytes) -> None:
    repo.commit("first", {"a.py": "y = 1\n"})
    repo.stage({"a.py": b"price = 1  # " + odd + b"\ny = 1\n"})
    found = reviewed(repo, "price = 2")
    assert found.suggestion is not None
    assert found.suggestion.shown
    write(repo, last.load(repo.root / ".git"), 1)
    assert (repo.root / "a.py").read_bytes() == b"price = 2\ny = 1\n"


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        # A byte that was not shown in this word, or that stands for two different ones.
        (b"price = 1  # caf\xe9\n", "price = 1  # na\ufffdve"),
        (b"price = 1  # \xe9 \xe8\n", "price = 2  # \ufffd \ufffd"),
        # No such character in the file.
        (b"price = 1\n", "price = 2  # \ufffd"),
        (b"price = 1\n", "price = 2  # \u240c"),
        (b"price = 1\n", "price = 2  # <U+202E>"),
        # The character and its picture.
        ("price = 1  # a\x0cb \u240c\n".encode(), "price = 2  # a\u240cb"),
        ("price = 1  # a\u200bb <U+200B>\n".encode(), "price = 2  # a<U+200B>b"),
        (b"price = 1\n", "price = 2  # " + chr(0xD800)),
    ],
)
def test_a_fix_whose_bytes_are_not_known_is_refused(repo: Repo, content: bytes, fix: str) -> None:
    repo.commit("first", {"a.py": "y = 1\n"})
    repo.stage({"a.py": content})
    found = reviewed(repo, fix)
    assert found.suggestion is not None
    assert found.suggestion.marks == {Mark.DOES_NOT_APPLY}


def test_pictures_in_the_source_stay(repo: Repo) -> None:
    repo.commit("first", {"a.py": "y = 1\n"})
    repo.stage({"a.py": "price = 1  # \u240c <U+202E> \ufffd\n"})
    reviewed(repo, "price = 2  # \u240c <U+202E> \ufffd")
    write(repo, last.load(repo.root / ".git"), 1)
    assert (repo.root / "a.py").read_text(encoding="utf-8") == "price = 2  # \u240c <U+202E> \ufffd\n"


def test_a_character_of_a_removed_line_comes_back(repo: Repo) -> None:
    repo.commit("first", {"a.py": b"price = 1  # caf\xe9\x0c\n"})
    repo.stage({"a.py": b"price = 2\n"})
    reviewed(repo, "price = 1  # caf\ufffd\u240c")
    write(repo, last.load(repo.root / ".git"), 1)
    assert (repo.root / "a.py").read_bytes() == b"price = 1  # caf\xe9\x0c\n"


def test_a_completion_maps_back_too() -> None:
    text = "def add(a, b):\n    pass\n# caf\udce9\n"
    (found,) = find("python", text, [1, 2], path="a.py")
    gap = Gap("a.py", detect("a.py", ""), found, "def add(a, b):", "", "    pass", "add")
    good, bad = completion(gap, "return 'caf\ufffd'", text), completion(gap, "return '\ufffd'", text)
    assert good.suggestion is not None
    assert (good.suggestion.replacement, good.suggestion.shown) == ("    return 'caf\udce9'", True)
    assert bad.suggestion is not None
    assert bad.suggestion.marks == {Mark.DOES_NOT_APPLY}


@pytest.mark.parametrize(
    ("encoding", "mark", "codec"),
    [
        ("UTF-16", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("UTF-16", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("UTF-16LE-BOM", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("UTF-16LE", b"", "utf-16-le"),
        ("UTF-16BE", b"", "utf-16-be"),
        ("ISO-8859-1", b"", "latin-1"),
        ("SHIFT_JIS", b"", "shift_jis"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_working_tree_encoding_is_kept(repo: Repo, encoding: str, mark: bytes, codec: str, newline: str) -> None:
    repo.git("config", "core.autocrlf", "false")
    comment = "日本" if codec == "shift_jis" else "café"
    before, after = (mark + f"price = {price}  # {comment}{newline}y = 1{newline}".encode(codec) for price in (1, 2))
    repo.commit("first", {".gitattributes": f"a.py working-tree-encoding={encoding}\n"})
    repo.stage({"a.py": before})
    found = reviewed(repo, f"price = 2  # {comment}")
    assert found.suggestion is not None
    assert found.suggestion.shown
    assert write(repo, last.load(repo.root / ".git"), 1).refusals == ()
    assert (repo.root / "a.py").read_bytes() == after
    history(repo).undo()
    assert (repo.root / "a.py").read_bytes() == before
