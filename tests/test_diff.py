"""Patches of real git repositories, patches of other tools, and damaged ones."""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reviewer.diff import Change, ContentKind, FileChange, FileStatus, Hunk, LineKind, decode, parse, printable
from reviewer.diff.names import header_pair, unquote
from reviewer.errors import DiffError
from reviewer.git import Repository
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX file names or links")
ODD_NAMES = [
    "with space",
    "a b/c",
    " b/x b/y",
    "tab\tin",
    'quo"te',
    "line\nfeed",
    "été",
    "back\\slash",
    "\x01\x7f",
    "a/b",
]


def staged(repo: Repo) -> Change:
    repository = Repository.discover(repo.root)
    target = repository.target(None, staged=True)
    return parse(repository.patch(target), target.subject)


def only(change: Change) -> FileChange:
    assert len(change.files) == 1
    return change.files[0]


def old_side(file: FileChange) -> str:
    return "".join(line.text + line.ending for hunk in file.hunks for line in hunk.lines if line.old is not None)


def new_side(file: FileChange) -> str:
    return "".join(line.text + line.ending for hunk in file.hunks for line in hunk.lines if line.new is not None)


def texts(file: FileChange, kind: LineKind) -> list[str]:
    return [line.text for hunk in file.hunks for line in hunk.lines if line.kind is kind]


# ---- what happens to files


def test_modified(repo: Repo) -> None:
    repo.commit("first", {"a.py": "def f():\n" + "".join(f"    x{n}\n" for n in range(9))})
    repo.stage({"a.py": "def f():\n" + "".join(f"    x{n}\n" for n in range(8)) + "    y\n"})
    change = staged(repo)
    file = only(change)
    assert change.subject == "staged changes"
    assert (file.path, file.status, file.kind, file.old_path) == ("a.py", FileStatus.MODIFIED, ContentKind.TEXT, None)
    assert (file.old_mode, file.new_mode, file.eof_newline) == ("100644", "100644", True)
    (hunk,) = file.hunks
    assert (hunk.old_start, hunk.old_count, hunk.new_start, hunk.new_count) == (7, 4, 7, 4)
    assert hunk.section == "def f():"
    assert [(line.kind.value, line.text, line.old, line.new) for line in hunk.lines] == [
        (" ", "    x5", 7, 7),
        (" ", "    x6", 8, 8),
        (" ", "    x7", 9, 9),
        ("-", "    x8", 10, None),
        ("+", "    y", None, 10),
    ]
    assert hunk.added == hunk.anchors == (10,)


def test_added_and_deleted(repo: Repo) -> None:
    repo.commit("first", {"gone.txt": "1\n2\n"})
    repo.git("rm", "-q", "gone.txt")
    repo.stage({"new.txt": "completely different\n"})
    gone, new = staged(repo).files
    assert (gone.path, gone.status, gone.old_mode, gone.new_mode) == ("gone.txt", FileStatus.DELETED, "100644", None)
    assert (new.path, new.status, new.old_mode, new.new_mode) == ("new.txt", FileStatus.ADDED, None, "100644")
    assert old_side(gone) == "1\n2\n"
    assert gone.hunks[0].anchors == ()
    assert new_side(new) == "completely different\n"


def test_empty_files(repo: Repo) -> None:
    repo.commit("first", {"gone": "", "filled": "", "emptied": "1\n"})
    repo.git("rm", "-q", "gone")
    repo.stage({"filled": "1\n", "emptied": "", "made/empty": ""})
    files = {file.path: file for file in parse(repo.git("diff", "--cached", "--no-renames"), "x").files}
    assert {path: (file.status.value, len(file.hunks)) for path, file in files.items()} == {
        "gone": ("deleted", 0),
        "made/empty": ("added", 0),
        "filled": ("modified", 1),
        "emptied": ("modified", 1),
    }
    assert files["filled"].hunks[0].anchors == (1,)
    assert files["emptied"].hunks[0].anchors == ()


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("name", ["new.txt", pytest.param('sub/é "b/x', marks=POSIX)])
def test_renamed(repo: Repo, name: str, edited: bool) -> None:
    lines = [f"{n}\n" for n in range(20)]
    repo.commit("first", {"old b/name": "".join(lines)})
    (repo.root / name).parent.mkdir(parents=True, exist_ok=True)
    repo.git("mv", "old b/name", name)
    if edited:
        repo.stage({name: "".join([*lines, "more\n"])})
    file = only(staged(repo))
    assert (file.path, file.old_path, file.status) == (name, "old b/name", FileStatus.RENAMED)
    assert texts(file, LineKind.ADDED) == (["more"] if edited else [])


def test_copied(repo: Repo) -> None:
    text = "".join(f"{n}\n" for n in range(20))
    repo.commit("first", {"a.txt": text})
    repo.stage({"b.txt": text + "more\n"})
    file = only(parse(repo.git("diff", "--cached", "-C", "--find-copies-harder"), "x"))
    assert (file.path, file.old_path, file.status) == ("b.txt", "a.txt", FileStatus.COPIED)
    assert texts(file, LineKind.ADDED) == ["more"]


@pytest.mark.parametrize("form", [(), ("--binary",)])
def test_binary(repo: Repo, form: tuple[str, ...]) -> None:
    repo.commit("first", {"a b.png": b"\0\1" * 99, "gone.png": b"\0\2" * 50})
    repo.git("rm", "-q", "gone.png")
    repo.stage({"a b.png": b"\0\3" * 80, "new.png": b"\0\4" * 70, "z.txt": "text\n"})
    changed, gone, new, text = parse(repo.git("diff", "--cached", "--no-renames", *form), "x").files
    assert [file.kind for file in (changed, gone, new, text)] == [*[ContentKind.BINARY] * 3, ContentKind.TEXT]
    assert [file.path for file in (changed, gone, new)] == ["a b.png", "gone.png", "new.png"]
    assert [file.status.value for file in (changed, gone, new)] == ["modified", "deleted", "added"]
    assert new_side(text) == "text\n"


@POSIX
def test_mode_changed(repo: Repo) -> None:
    repo.commit("first", {"a b/run.sh": "1\n", "both.sh": "1\n"})
    repo.stage({"both.sh": "2\n"})
    repo.git("update-index", "--chmod=+x", "a b/run.sh", "both.sh")
    mode, both = staged(repo).files
    assert (mode.path, mode.status, mode.hunks) == ("a b/run.sh", FileStatus.MODE_CHANGED, ())
    assert (mode.old_mode, mode.new_mode) == ("100644", "100755")
    assert (both.status, both.old_mode, both.new_mode) == (FileStatus.MODIFIED, "100644", "100755")


@POSIX
def test_symlink(repo: Repo) -> None:
    (repo.root / "link").symlink_to("somewhere")
    repo.git("add", "link")
    file = only(staged(repo))
    assert (file.kind, file.status, file.new_mode) == (ContentKind.SYMLINK, FileStatus.ADDED, "120000")
    assert (texts(file, LineKind.ADDED), file.eof_newline) == (["somewhere"], False)


@POSIX
def test_type_changed(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n2\n", "b.txt": "b\n"})
    (repo.root / "a.txt").unlink()
    (repo.root / "a.txt").symlink_to("b.txt")
    repo.git("add", "a.txt")
    file = only(staged(repo))
    assert (file.path, file.status, file.kind) == ("a.txt", FileStatus.TYPE_CHANGED, ContentKind.SYMLINK)
    assert (file.old_mode, file.new_mode) == ("100644", "120000")
    assert (old_side(file), new_side(file)) == ("1\n2\n", "b.txt")
    repo.commit("second")
    (repo.root / "a.txt").unlink()
    repo.stage({"a.txt": "file again\n"})
    back = only(staged(repo))
    assert (back.status, back.kind, back.eof_newline) == (FileStatus.TYPE_CHANGED, ContentKind.TEXT, True)


@pytest.mark.parametrize("form", ["short", "log"])
def test_submodule(repo: Repo, tmp_path: Path, form: str) -> None:
    inner = Repo.init(tmp_path / "inner")
    inner.commit("inner", {"i.txt": "i\n"})
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "my lib")
    repo.git("reset", "-q", ".gitmodules")
    added = only(parse(repo.git("diff", "--cached", f"--submodule={form}"), "x"))
    assert (added.path, added.kind, added.status) == ("my lib", ContentKind.SUBMODULE, FileStatus.ADDED)
    repo.commit("with a submodule")
    Repo(repo.root / "my lib").commit("go on", {"i.txt": "j\n"})
    repo.git("add", "my lib")
    moved = only(parse(repo.git("diff", "--cached", f"--submodule={form}"), "x"))
    assert (moved.path, moved.kind, moved.status) == ("my lib", ContentKind.SUBMODULE, FileStatus.MODIFIED)


def test_touched_file_is_no_change(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n"})
    os.utime(repo.root / "a.txt", (1, 1))
    repository = Repository.discover(repo.root)
    assert parse(repository.patch(repository.target(None, staged=False)), "x").files == ()
    # Some versions of git leave the bare header.
    assert parse(b"diff --git a/a.txt b/a.txt\n", "x").files == ()


# ---- names


@POSIX
@pytest.mark.parametrize("quote", ["true", "false"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(repo: Repo, name: str, quote: str) -> None:
    repo.commit("first", {name: "1\n", f"{name}.bin": b"\0"})
    repo.stage({name: "2\n", f"{name}.bin": b"\1\0", f"{name}.empty": ""})
    repo.git("update-index", "--chmod=+x", name)
    for options in ((), ("--no-prefix",), ("-R",), ("--src-prefix=i/", "--dst-prefix=w/")):
        patch = repo.git("-c", f"core.quotePath={quote}", "diff", "--cached", *options)
        assert {file.path for file in parse(patch, "x").files} == {name, f"{name}.bin", f"{name}.empty"}, options
    repo.commit("second")
    repo.git("rm", "-q", "--force", name)
    assert only(staged(repo)).path == name


@POSIX
def test_name_that_is_not_utf8_names_the_file(repo: Repo) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        repo.stage({name: "x\n"})
    except (OSError, AssertionError):
        pytest.skip("this file system wants UTF-8")
    path = only(staged(repo)).path
    assert (repo.root / path).read_bytes() == b"x\n"


def test_custom_prefixes(repo: Repo) -> None:
    repo.commit("first", {"dir/a.txt": "1\n"})
    repo.stage({"dir/a.txt": "2\n"})
    patch = repo.git("diff", "--cached", "--src-prefix=old/one/", "--dst-prefix=new/two/")
    assert only(parse(patch, "x")).path == "dir/a.txt"


@pytest.mark.parametrize(
    ("rest", "pair"),
    [
        ("a/x b/x", ("a/x", "b/x")),
        ("x x", ("x", "x")),
        ("a/p b/p b/p b/p", ("a/p b/p", "b/p b/p")),
        ('"a/\\303\\251" "b/\\303\\251"', ("a/é", "b/é")),
        ('a/x "b/\\t"', ("a/x", "b/\t")),
        ("a/x b/y", None),
        ("nothing", None),
    ],
)
def test_header_pair(rest: str, pair: tuple[str, str] | None) -> None:
    assert header_pair(rest) == pair


def test_unquote() -> None:
    assert unquote('"\\a\\b\\t\\n\\v\\f\\r\\"\\\\\\101\\377"') == '\a\b\t\n\v\f\r"\\A\udcff'
    assert unquote('half "quoted"') == 'half "quoted"'


# ---- text


def test_no_newline_at_end(repo: Repo) -> None:
    repo.commit("first", {"loses": "1\n", "gains": "1", "stays": "1"})
    repo.stage({"loses": "1", "gains": "1\n", "stays": "2"})
    gains, loses, stays = staged(repo).files
    assert (gains.eof_newline, loses.eof_newline, stays.eof_newline) == (True, False, False)
    assert [line.ending for line in loses.hunks[0].lines] == ["\n", ""]
    assert (old_side(stays), new_side(stays)) == ("1", "2")


def test_carriage_returns(repo: Repo) -> None:
    repo.git("config", "core.autocrlf", "false")
    repo.commit("first", {"a.txt": "one\r\ntwo\r\n\r\nthree\rstill three\r\n"})
    repo.stage({"a.txt": "one\ntwo\r\n\r\nTHREE\rstill three\r\nend\r"})
    file = only(staged(repo))
    assert texts(file, LineKind.ADDED) == ["one", "THREE\rstill three", "end\r"]
    assert [line.ending for line in file.hunks[0].lines if line.new] == ["\n", "\r\n", "\r\n", "\r\n", ""]
    assert old_side(file) == "one\r\ntwo\r\n\r\nthree\rstill three\r\n"


@pytest.mark.parametrize("inside", ["\f", "\v", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"])
def test_separators_that_end_no_line(repo: Repo, inside: str) -> None:
    repo.stage({"a.txt": f"left{inside}right\nnext\n"})
    assert texts(only(staged(repo)), LineKind.ADDED) == [f"left{inside}right", "next"]


def test_text_that_is_not_utf8(repo: Repo) -> None:
    content = "naïve\n".encode("latin-1") + "日本\n".encode("shift_jis") + "ß\n".encode() + b"\xef\xbb\xbfBOM\n"
    repo.stage({"a.txt": content})
    assert new_side(only(staged(repo))).encode("utf-8", "surrogateescape") == content


def test_byte_order_mark_is_kept(repo: Repo) -> None:
    repo.stage({"a.txt": b"\xef\xbb\xbfx\n"})
    assert texts(only(staged(repo)), LineKind.ADDED) == ["\ufeffx"]


LOOKS_LIKE_A_DIFF = """\
--- a/x
+++ b/x
@@ -1 +1 @@
diff --git a/y b/y
-- x
++ x
\\ No newline at end of file
Binary files a and b differ
Submodule lib 1234567..7654321:
* Unmerged path z
diff --cc z
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
--
"""


def test_content_that_looks_like_a_diff(repo: Repo) -> None:
    repo.commit("first", {"a.txt": LOOKS_LIKE_A_DIFF, "b.txt": "b\n"})
    repo.git("rm", "-q", "a.txt")
    repo.stage({"b.txt": LOOKS_LIKE_A_DIFF})
    gone, changed = parse(repo.git("diff", "--cached", "--no-renames"), "x").files
    assert old_side(gone) == new_side(changed) == LOOKS_LIKE_A_DIFF


def test_a_blank_taken_from_empty_lines(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "\n\nx\n\n"})
    repo.stage({"a.txt": "\n\ny\n\n"})
    patch = repo.git("-c", "diff.suppressBlankEmpty=true", "diff", "--cached")
    assert b"\n\n" in patch
    assert new_side(only(parse(patch, "x"))) == "\n\ny\n\n"


LINES = st.lists(
    st.text(st.sampled_from('ab -+@\\\r\t\f\u2028é\x1b"\x00'), max_size=4)
    | st.sampled_from(LOOKS_LIKE_A_DIFF.split("\n")),
    max_size=12,
)
FILES = st.builds(lambda lines, last: "\n".join(lines) + last, LINES, st.sampled_from(["", "\n"]))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=FILES, after=FILES)
@example(before="a\r", after="a\r\n")
@example(before="", after="\n")
def test_both_sides_come_back(scratch: Path, before: str, after: str) -> None:
    (scratch / "before").write_bytes(before.encode())
    (scratch / "after").write_bytes(after.encode())
    command = ["git", "diff", "--no-index", "--text", "-U999", "--no-color", "before", "after"]
    change = parse(subprocess.run(command, cwd=scratch, capture_output=True, check=False).stdout, "x")
    if before == after:
        assert change.files == ()
        return
    file = only(change)
    assert (old_side(file), new_side(file)) == (before, after)
    assert file.eof_newline == (not after or after.endswith("\n"))
    lines = after.split("\n")
    for hunk in file.hunks:
        assert bool(hunk.anchors) == bool(after)
        assert set(hunk.added) <= set(hunk.anchors) <= set(range(1, len(lines) + 1))
        for line in hunk.lines:
            assert line.new is None or lines[line.new - 1] == (line.text + line.ending).removesuffix("\n")


# ---- anchors


@pytest.mark.parametrize(
    ("before", "after", "anchors"),
    [
        ("1\n2\n3\n", "1\nx\n3\n", (2,)),  # replaced
        ("1\n2\n3\n", "1\n3\n", (2,)),  # removed: what now stands there
        ("1\n2\n3\n", "2\n3\n", (1,)),  # removed at the top
        ("1\n2\n3\n", "1\n2\n", (2,)),  # removed at the end: the line before
        ("1\n2\n3\n4\n5\n", "1\n3\n5\n", (2, 3)),  # two runs
        ("1\n2\n3\n4\n", "1\n3\n4\nx\n", (2, 4)),  # one removed, one added
        ("1\n2\n3\n", "x\n1\n2\n3\n", (1,)),  # added only
        ("1\n2\n", "", ()),  # nothing left to name
        ("1\n", "2\n3\n", (1, 2)),
    ],
)
def test_anchors(repo: Repo, before: str, after: str, anchors: tuple[int, ...]) -> None:
    repo.commit("first", {"a.txt": before})
    repo.stage({"a.txt": after})
    file = only(staged(repo))
    assert [line for hunk in file.hunks for line in hunk.anchors] == list(anchors)


def test_anchors_without_context(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n2\n3\n4\n5\n"})
    repo.stage({"a.txt": "1\n3\n4\n"})
    file = only(parse(repo.git("diff", "--cached", "-U0"), "x"))
    assert [hunk.anchors for hunk in file.hunks] == [(1,), (3,)]


def test_change_is_immutable_and_comparable() -> None:
    patch = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n"
    assert parse(patch, "x") == parse(patch, "x")
    assert len({parse(patch, "x"), parse(patch, "x")}) == 1


# ---- patches of other tools


def plain(*body: str, old: str = "a/x", new: str = "b/x") -> bytes:
    return "\n".join((f"--- {old}", f"+++ {new}", *body, "")).encode()


@pytest.mark.parametrize(
    ("old", "new", "path", "status"),
    [
        ("a/x.py", "b/x.py", "x.py", "modified"),
        ("x.py", "x.py", "x.py", "modified"),
        ("a/x.py", "a/x.py", "a/x.py", "modified"),
        ("x.py.orig\t2024-01-01 00:00:00 +0000", "x.py\t2024-01-02 00:00:00 +0000", "x.py", "modified"),
        ("v1/pkg/x.py\t2024-01-01", "v2/pkg/x.py\t2024-01-02", "pkg/x.py", "modified"),
        ("x.py\t(revision 1)", "x.py\t(working copy)", "x.py", "modified"),
        ("/dev/null", "b/x.py", "x.py", "added"),
        ("a/x.py", "/dev/null", "x.py", "deleted"),
        ("v1/x.py\t1970-01-01 01:00:00.000000000 +0100", "v2/x.py\t2024-01-02", "v2/x.py", "added"),
        ("v1/x.py\t2024-01-02", "v2/x.py\t1969-12-31 19:00:00.000000000 -0500", "v1/x.py", "deleted"),
        ("a/with blank\t", "b/with blank\t", "with blank", "modified"),
    ],
)
def test_plain_headers(old: str, new: str, path: str, status: str) -> None:
    file = only(parse(plain("@@ -1 +1 @@", "-1", "+2", old=old, new=new), "x"))
    assert (file.path, file.status.value, file.old_mode, file.new_mode) == (path, status, None, None)


def test_gnu_diff(tmp_path: Path) -> None:
    for folder, contents in {"one": {"a": "1\n", "gone": "g\n"}, "two": {"a": "2\n", "new": "n"}}.items():
        (tmp_path / folder).mkdir()
        for name, content in contents.items():
            (tmp_path / folder / name).write_text(content)
    try:
        done = subprocess.run(["diff", "-ruN", "one", "two"], cwd=tmp_path, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no diff command")
    files = parse(done.stdout, "x").files
    assert [(file.path.rpartition("/")[2], file.status.value, file.eof_newline) for file in files] == [
        ("a", "modified", True),
        ("gone", "deleted", True),
        ("new", "added", False),
    ]


def test_mail_of_format_patch(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n"})
    message = "Subject\n\nA body with\n--- a line\n@@ -1 +1 @@\nBinary files x and y differ\n* Unmerged path q"
    repo.commit(message, {"a.txt": "2\n", "b.bin": b"\0"})
    repo.commit(message, {"c.txt": "c\n"})
    mails = repo.git("format-patch", "--stdout", "-2")
    assert [file.path for file in parse(mails, "x").files] == ["a.txt", "b.bin", "c.txt"]
    assert parse(mails.replace(b"\n", b"\r\n"), "x") == parse(mails, "x")


def test_output_of_git_show_and_log(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n"})
    repo.commit("second\n\ndiff --git a/no b/no\n@@ -1 +1 @@", {"a.txt": "2\n"})
    for command in (("show",), ("log", "-p", "-1"), ("stash", "show", "-p")):
        if command[0] == "stash":
            repo.write({"a.txt": "3\n"})
            repo.git("stash", "-q")
        assert only(parse(repo.git(*command), "x")).path == "a.txt"


def test_patch_through_a_pipe_of_windows(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n\n2\n", "b b.bin": b"\0"})
    repo.stage({"a.txt": "1\n\n3", "b b.bin": b"\0\1"})
    patch = repo.git("diff", "--cached")
    assert parse(b"\xef\xbb\xbf" + patch.replace(b"\n", b"\r\n"), "x") == parse(patch, "x")


def test_no_newline_marker_in_another_language() -> None:
    patch = plain("@@ -1 +1 @@", "-1", "\\ Kein Zeilenumbruch am Dateiende.", "+2", "\\ Pas de fin de ligne")
    file = only(parse(patch, "x"))
    assert (old_side(file), new_side(file), file.eof_newline) == ("1", "2", False)


def test_last_line_break_lost() -> None:
    assert new_side(only(parse(plain("@@ -1 +1 @@", "-1", "+2").rstrip(b"\n"), "x"))) == "2\n"


@pytest.mark.parametrize("patch", [b"", b"\n \r\n"])
def test_nothing(patch: bytes) -> None:
    assert parse(patch, "x") == Change("x", ())


def test_other_binary_lines() -> None:
    change = parse(
        b"Binary files a/x and b/x differ\nBinary files /dev/null and b/y differ\nBinary file z has changed\n", "x"
    )
    assert [(file.path, file.status.value, file.kind.value) for file in change.files] == [
        ("x", "modified", "binary"),
        ("y", "added", "binary"),
        ("z", "modified", "binary"),
    ]


# ---- patches from a pipe


@pytest.mark.parametrize("form", [(), ("--binary",)])
def test_no_index_with_a_changed_binary_file(tmp_path: Path, form: tuple[str, ...]) -> None:
    for folder, value in (("old", 1), ("new dir", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a and b.bin").write_bytes(bytes([0, value]))
        (tmp_path / folder / "x.py").write_text(f"x = {value}\n")
    command = ["git", "diff", "--no-index", *form, "old", "new dir"]
    binary, text = parse(subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout, "x").files
    assert (binary.path, binary.kind) == ("new dir/a and b.bin", ContentKind.BINARY)
    assert (text.path, text.kind) == ("new dir/x.py", ContentKind.TEXT)


PREFIXES = [
    ("left/a/", "b/"),
    ("left/a/", "right/b/"),
    ("a/", "right/b/"),
    ("x/b/", "b/"),
    ("src://", "dst://"),
    ("src://", "b/"),
    ("old dir/", "new dir/"),
]


@pytest.mark.parametrize("prefixes", PREFIXES)
def test_prefixes_of_the_users_own(repo: Repo, prefixes: tuple[str, str]) -> None:
    repo.commit("first", {"dir/a.py": "1\n", "gone.py": "g\n", "b/p.bin": b"\0", "mode b.sh": "1\n", "q.txt": "1\n"})
    repo.git("rm", "-q", "gone.py")
    repo.stage(
        {"dir/a.py": "2\n", "new.py": "n\n", "dir/new.py": "m\n", "b/p.bin": b"\1\0", "empty": "", "q.txt": "2\n"}
    )
    repo.git("update-index", "--chmod=+x", "mode b.sh")
    old, new = prefixes
    plain = parse(repo.git("diff", "--cached", "--no-renames"), "x")
    assert (
        parse(repo.git("diff", "--cached", "--no-renames", f"--src-prefix={old}", f"--dst-prefix={new}"), "x") == plain
    )


def test_a_dirty_submodule_in_the_log_form(repo: Repo, tmp_path: Path) -> None:
    inner = Repo.init(tmp_path / "inner")
    inner.commit("inner", {"i.txt": "i\n"})
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "my lib")
    repo.commit("with a submodule", {"a.py": "1\n"})
    lib = Repo(repo.root / "my lib")
    lib.write({"i.txt": "dirty\n", "untracked.txt": "u\n"})
    repo.write({"a.py": "2\n"})
    for _ in range(2):
        files = parse(repo.git("diff", "--submodule=log"), "x").files
        assert [(file.path, file.kind, file.status) for file in files] == [
            ("a.py", ContentKind.TEXT, FileStatus.MODIFIED),
            ("my lib", ContentKind.SUBMODULE, FileStatus.MODIFIED),
        ]
        lib.git("commit", "-q", "--allow-empty", "-m", "and a new commit")
    only(parse(repo.git("diff", "--submodule=log", "--", "my lib"), "x"))


@pytest.mark.parametrize("options", [(), ("--color-words=.",), ("--color-moved=zebra", "--ws-error-highlight=all")])
def test_coloured_output(repo: Repo, options: tuple[str, ...]) -> None:
    repo.commit("first", {"a b.py": "1\n2\n3\n", "c.py": "x\r\n", "m.py": "1\n"})
    repo.stage({"a b.py": "1\ntwo \t\n3\n", "c.py": "y\r\n", "d.py": "no newline"})
    repo.git("update-index", "--chmod=+x", "m.py")
    plain = parse(repo.git("diff", "--cached"), "x")
    patch = repo.git("diff", "--cached", "--color=always", *options)
    assert b"\x1b[" in patch
    if "--color-words=." in options:  # it has no signs, so it is no patch
        with pytest.raises(DiffError):
            parse(patch, "x")
    else:
        assert parse(patch, "x") == plain


def test_escapes_in_content_are_content(repo: Repo) -> None:
    repo.stage({"a.py": "\x1b[31mred\x1b[m\n\x1b[1mdiff --git a/x b/x\n"})
    assert new_side(only(staged(repo))) == "\x1b[31mred\x1b[m\n\x1b[1mdiff --git a/x b/x\n"


def test_what_cannot_be_read_is_refused_for_that_file_alone(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n", "b.txt": "1\n"})
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("topic", {"a.txt": "topic\n"})
    repo.git("switch", "-q", "main")
    repo.commit("second", {"a.txt": "main\n"})
    repo.git("merge", "-q", "topic", check=False)
    repo.write({"b.txt": "2\n"})
    combined, modified = parse(repo.git("diff"), "x").files
    assert (combined.path, combined.unread) == ("a.txt", "a combined diff of a merge, which has more than two sides")
    assert (modified.path, new_side(modified), modified.unread) == ("b.txt", "2\n", "")
    nameless = b"diff --git one/x two/y\nold mode 100644\nnew mode 100755\n" + repo.git("diff", "b.txt")
    first, second = parse(nameless, "x").files
    assert (first.path, first.unread) == ("one/x two/y", "its name cannot be read")
    assert second == modified


@pytest.mark.parametrize("rest", ["a " * 30_000, "x and " * 30_000, '"' * 60_000])
def test_long_header_lines_take_no_time(rest: str) -> None:
    start = time.process_time()
    for line in (f"diff --git {rest}", f"Binary files {rest} differ", f"Submodule {rest} 1234567..7654321:"):
        parse(f"{line}\nold mode 100644\nnew mode 100755\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n".encode(), "x")
    assert time.process_time() - start < 2


# ---- damage


DAMAGED = {
    "cut in a hunk": (plain("@@ -1,2 +1,2 @@", "-1"), "line 4: it ends inside the hunk of line 3"),
    "line without sign": (
        plain("@@ -1,2 +1,2 @@", "-1", "!1", "+2"),
        "line 5: this line does not fit the hunk of line 3",
    ),
    "too many removed": (plain("@@ -1 +1 @@", "-1", "-2", "+2"), "line 5: this line does not fit"),
    "no sign": (plain("@@ -1 +1 @@", "\rx"), "line 4: this line does not fit"),
    "line too many": (plain("@@ -1 +1 @@", "-1", "+2", "+3"), "line 6: the hunk before is longer"),
    "removed dashes too many": (plain("@@ -1 +1 @@", "-1", "+2", "--- x"), "line 6: the hunk before is longer"),
    "no hunk": (plain(), "line 3: no hunk follows"),
    "no hunk after git's header": (b"diff --git a/x b/x\n--- a/x\n+++ b/x\n", "line 4: no hunk follows"),
    "ends after git's header": (
        b"diff --git a/x b/x\nindex 1234567..7654321 100644\n",
        "line 2: it ends after a file header",
    ),
    "hunk header": (plain("@@ -1 +one @@", "-1", "+2"), "line 3: not a hunk header"),
    "huge number": (plain(f"@@ -{'9' * 5000} +1 @@", "-1"), "line 3: not a hunk header"),
    "empty hunk": (plain("@@ -1,0 +1,0 @@", ""), "line 3: an empty hunk"),
    "line 0": (plain("@@ -0 +1 @@", "-1", "+1"), "line 3: this hunk does not lie behind"),
    "hunks out of order": (
        plain("@@ -9 +9 @@", "-1", "+2", "@@ -1 +1 @@", "-1", "+2"),
        "line 6: this hunk does not lie behind",
    ),
    "hunk without header": (b"@@ -1 +1 @@\n-1\n+2\n", "line 1: a hunk without a file header"),
    "no name": (b"diff --git nonsense\nold mode 100644\nnew mode 100755\n", "line 1: the file's name"),
    "no side": (
        plain("@@ -1 +1 @@", "-1", "+2", old="/dev/null", new="/dev/null"),
        "line 1: neither side names a file",
    ),
}


@pytest.mark.parametrize(("patch", "message"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damage_names_its_line(patch: bytes, message: str) -> None:
    with pytest.raises(DiffError, match=re.escape(f"the patch is damaged at {message}")):
        parse(patch, "x")


@pytest.mark.parametrize("patch", [b"hello\n", b"1c1\n< a\n---\n> b\n", b"\0\0\0", b"*** a\n--- b\n***************\n"])
def test_no_patch(patch: bytes) -> None:
    with pytest.raises(DiffError, match="no unified diff") as caught:
        parse(patch, "x")
    assert "git diff" in str(caught.value.hint)


def test_utf16_patch_of_powershell(repo: Repo) -> None:
    repo.stage({"a.txt": "1\n"})
    patch = repo.git("diff", "--cached").decode().replace("\n", "\r\n").encode("utf-16")
    with pytest.raises(DiffError, match="UTF-16") as caught:
        parse(patch, "x")
    assert "--output" in str(caught.value.hint)


def test_combined_diff_of_a_merge(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n"})
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("topic", {"a.txt": "topic\n"})
    repo.git("switch", "-q", "main")
    repo.commit("second", {"a.txt": "main\n"})
    repo.git("merge", "-q", "topic", check=False)
    with pytest.raises(DiffError, match="line 1 begins a combined diff"):
        parse(repo.git("diff"), "x")
    with pytest.raises(DiffError, match=r"a\.txt has a merge conflict"):
        parse(repo.git("diff", "--cached"), "x")
    repo.commit("merged", {"a.txt": "both\n"})
    with pytest.raises(DiffError, match=r"line \d+ begins a combined diff") as caught:
        parse(repo.git("show"), "x")
    assert "git diff MERGE^1 MERGE" in str(caught.value.hint)


@settings(deadline=None)
@given(cut=st.integers(0, 2000), flip=st.integers(0, 2000), letter=st.sampled_from(b"+- @\\\n\rd0"))
def test_any_damage_is_a_diff_error_or_a_change(cut: int, flip: int, letter: int) -> None:
    patch = bytearray(
        b"diff --git a/x y b/x y\nold mode 100644\nnew mode 100755\nindex 1234567..7654321\n--- a/x y\t\n+++ b/x y\t\n"
        b"@@ -1,2 +1,2 @@ f\n a\n-b\n+c\n\\ No newline at end of file\n"
        b"diff --git a/o b/n\nsimilarity index 100%\nrename from o\nrename to n\n"
        b"diff --git a/z b/z\nBinary files a/z and b/z differ\n--- a/w\n+++ b/w\n@@ -4,0 +5 @@\n+q\n"
    )
    patch[flip % len(patch)] = letter
    try:
        change = parse(bytes(patch[: cut % len(patch)] if cut < len(patch) else patch), "x")
    except DiffError:
        return
    assert all(file.path for file in change.files)


def test_ten_thousand_lines_are_read_at_once(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "".join(f"old {n}\n" for n in range(10_000))})
    repo.stage({"a.txt": "".join(f"new {n}\n" for n in range(10_000))})
    repository = Repository.discover(repo.root)
    patch = repository.patch(repository.target(None, staged=True))
    start = time.process_time()
    file = only(parse(patch, "x"))
    assert time.process_time() - start < 2
    assert len(file.hunks[0].added) == 10_000


# ---- text helpers


def test_decode_is_reversible() -> None:
    every = bytes(range(256)) + "é\u2028".encode()
    assert decode(every).encode("utf-8", "surrogateescape") == every
    assert decode(b"\xef\xbb\xbfx") == "\ufeffx"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tab\tand\nline feed, é 日本 👩‍💻", "tab\tand\nline feed, é 日本 👩‍💻"),
        ("\x1b[2J\a\r\0", "␛[2J␇␍␀"),
        ("\x7f\x9b31m", "␡<U+009B>31m"),
        ("a\udcffb", "a\ufffdb"),
        ("\u202eevil\u2066", "<U+202E>evil<U+2066>"),
        ("\u2028\u200b\ufeff\U000e0041", "<U+2028><U+200B><U+FEFF><U+E0041>"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.binary())
def test_printable_can_be_written_and_is_stable(data: bytes) -> None:
    shown = printable(decode(data))
    shown.encode("utf-8")
    assert printable(shown) == shown
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


def test_hunk_without_changes_has_no_anchors() -> None:
    assert Hunk(1, 0, 1, 0, "", ()).anchors == ()
