"""Changes read from real repositories: what is reviewed, what is left out and why, and what never runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.config import Settings
from reviewer.diff import FileStatus, encode
from reviewer.errors import GitError
from reviewer.git import Repository, TargetKind
from reviewer.selection import select, source
from reviewer.selection.source import ChangeSource, from_repository
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX file names or programs")


def read(repo: Repo, revision: str | None = None, *, staged: bool = False, **options: object) -> ChangeSource:
    repository = Repository.discover(repo.root)
    return from_repository(repository, repository.target(revision, staged=staged), **options)  # type: ignore[arg-type]


def uncommitted(repo: Repo) -> ChangeSource:
    repository = Repository.discover(repo.root)
    return from_repository(repository, repository.uncommitted())


def added(change: ChangeSource) -> dict[str, list[str]]:
    """The added lines by path, each checked against the text that the source returns."""
    found: dict[str, list[str]] = {}
    for file in change.change.files:
        text = change.read(file.path)
        for hunk in file.hunks:
            for line in hunk.lines:
                if line.new is not None:
                    assert text is not None
                    assert text.split("\n")[line.new - 1] == (line.text + line.ending).removesuffix("\n")
        found[file.path] = [line.text for hunk in file.hunks for line in hunk.lines if line.new in hunk.added]
    return found


def skipped(change: ChangeSource) -> dict[str, tuple[str, bool]]:
    return {one.path: (one.reason, one.unread) for one in select(change, Settings()).skimmed}


# ---- no program of the user runs


@pytest.fixture
def armed(repo: Repo, tmp_path: Path) -> tuple[Repo, Path]:
    """A repository in which git would run a program at every turn; each leaves a mark."""
    marks = tmp_path / "marks"
    marks.mkdir()
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\ntouch "{marks}/$(basename "$0")-$$"\ncat\n')
    program.chmod(0o755)
    lines = "".join(f"x{number} = {number}\n" for number in range(9))
    repo.commit("first", {".gitattributes": "*.py diff=odd filter=odd\n", "a.py": lines, "b.txt": "1\n"})
    repo.commit("second", {"a.py": lines + "y = 1\n"})
    repo.stage({"a.py": lines + "y = 2\n"})
    repo.write({"a.py": lines + "y = 3\n", "b.txt": "2\n"})
    for name in ("post-index-change", "reference-transaction", "post-checkout", "pre-auto-gc"):
        hook = repo.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.symlink_to(program)
    for setting in (
        *("core.fsmonitor", "diff.external", "diff.odd.command", "diff.odd.textconv", "filter.odd.clean"),
        *("filter.odd.smudge", "core.pager", "pager.diff-tree", "core.alternateRefsCommand", "core.sshCommand"),
    ):
        repo.git("config", setting, str(program))
    repo.git("config", "filter.odd.required", "true")
    for mark in marks.iterdir():
        mark.unlink()
    return repo, marks


@POSIX
def test_reading_a_change_runs_no_program_of_the_user(armed: tuple[Repo, Path]) -> None:
    repo, marks = armed
    index = (repo.root / ".git" / "index").read_bytes()
    assert added(read(repo, "HEAD")) == {"a.py": ["y = 1"]}
    assert added(read(repo, "HEAD~1..HEAD")) == {"a.py": ["y = 1"]}
    assert added(read(repo, staged=True)) == {"a.py": ["y = 2"]}
    worktree = read(repo)
    assert added(worktree) == {"a.py": [], "b.txt": ["2"]}
    assert added(uncommitted(repo)) == {"a.py": [], "b.txt": ["2"]}
    assert skipped(worktree)["a.py"] == ("git stores it through the filter odd; stage it to review it", True)
    assert list(marks.iterdir()) == []
    assert (repo.root / ".git" / "index").read_bytes() == index
    repo.git("status", check=False)
    assert list(marks.iterdir()), "git itself runs them"


@POSIX
def test_a_commit_is_reviewed_without_the_split_index_of_the_user(repo: Repo) -> None:
    repo.git("config", "core.splitIndex", "true")
    repo.commit("first", {"a.py": "x = 1\n"})
    before = sorted(path.name for path in (repo.root / ".git").iterdir())
    assert added(read(repo, "HEAD")) == {"a.py": ["x = 1"]}
    assert sorted(path.name for path in (repo.root / ".git").iterdir()) == before


# ---- the working tree, as git would store it


@pytest.mark.parametrize(
    ("attributes", "before", "after"),
    [
        ("*.py text eol=crlf", b"a\r\nb\r\n", b"a\r\nb\r\nc\r\n"),
        ("*.py working-tree-encoding=UTF-16LE eol=lf", "a\né\n".encode("utf-16-le"), "a\né\nc\n".encode("utf-16-le")),
        ("*.py ident", b"# $Id$\na\n", b"# $Id: 0123456789012345678901234567890123456789 $\na\nc\n"),
    ],
)
def test_the_working_tree_is_read_as_git_would_store_it(
    repo: Repo, attributes: str, before: bytes, after: bytes
) -> None:
    repo.commit("first", {".gitattributes": f"{attributes}\n"})
    repo.commit("second", {"a.py": before, "other.py": "x\n".encode("utf-16-le" if "UTF" in attributes else "utf-8")})
    repo.write({"a.py": after})
    change = read(repo)
    assert added(change) == {"a.py": ["c"]}
    stored = repo.git("hash-object", "-w", "a.py").decode().strip()
    text = change.read("a.py")
    assert text is not None
    assert text.encode() == repo.git("cat-file", "blob", stored)


def test_a_file_added_by_intent_is_read(repo: Repo) -> None:
    repo.commit("first", {"a.py": "1\n"})
    repo.write({"new.py": "x = 1\n"})
    repo.git("add", "--intent-to-add", "new.py")
    assert added(read(repo)) == {"new.py": ["x = 1"]}


# ---- attributes


def test_attributes_of_the_head_do_not_silence_a_review_from_the_base(repo: Repo) -> None:
    base = repo.commit("base", {"a.py": "x = 1\n", "made.py": "x = 1\n", ".gitattributes": "made.py -diff\n"})
    silent = "* -diff linguist-generated\n*.py binary\n"
    repo.commit(
        "head", {"a.py": "x = 2\n", "made.py": "x = 2\n", ".gitattributes": silent, "sub/.gitattributes": silent}
    )
    repo.commit("more", {"sub/b.py": "y = 1\n"})
    change = read(repo, f"{base}..HEAD", attributes_from=base)
    assert added(change)["a.py"] == ["x = 2"]
    assert added(change)["sub/b.py"] == ["y = 1"]
    assert {path: reason for path, (reason, _) in skipped(change).items()} == {
        "made.py": "excluded by .gitattributes (-diff)"
    }
    # Without a base the head's own count, wherever the checkout stands.
    repo.git("checkout", "-q", base)
    own = read(repo, f"{base}..main")
    assert {path for path, (reason, _) in skipped(own).items() if ".gitattributes" in reason} == {
        *("a.py", "made.py", "sub/b.py", ".gitattributes", "sub/.gitattributes")
    }


def test_attributes_that_are_not_staged_do_not_count(repo: Repo) -> None:
    repo.commit("first", {"a.py": "x = 1\n"})
    repo.stage({"a.py": "x = 2\n"})
    repo.write({".gitattributes": "* -diff\n"})
    assert added(read(repo, staged=True)) == {"a.py": ["x = 2"]}


# ---- names


@POSIX
def test_a_carriage_return_at_the_end_of_a_name(repo: Repo) -> None:
    repo.commit("first", {"a.py": "other\n", "a.py\r": "1\n"})
    repo.stage({"a.py\r": "2\n"})
    assert added(read(repo, staged=True)) == {"a.py\r": ["2"]}


@POSIX
@pytest.mark.parametrize("name", ["line\nfeed", "return\r", "é 日本", "\n"])
def test_odd_names_of_parent_folders(tmp_path: Path, name: str) -> None:
    repo = Repo.init(tmp_path / name / "repo")
    repo.commit("first", {"sub/a.py": "1\n"})
    repository = Repository.discover(repo.root / "sub")
    assert (repository.root, repository.git_dir) == (repo.root, repo.root / ".git")
    assert repository.hooks_dir == repo.root / ".git" / "hooks"
    assert added(read(repo, "HEAD")) == {"sub/a.py": ["1"]}


@POSIX
def test_names_do_not_depend_on_the_locale(repo: Repo) -> None:
    names = ["été.py", "日本\n.py", os.fsdecode(b"caf\xe9.py"), "plain.py", "é\r"]
    repo.commit("first", {**dict.fromkeys(names, "1\n"), ".gitattributes": '"\\303\\251t\\303\\251.py" -diff\n'})
    repo.commit("second", dict.fromkeys(names, "2\n"))
    repo.write(dict.fromkeys(names, "3\n"))
    code = (
        "from reviewer.git import Repository; from reviewer.selection.source import from_repository\n"
        "r = Repository.discover()\n"
        "for revision in ('HEAD', None):\n"
        "    s = from_repository(r, r.target(revision, staged=False))\n"
        "    for f in s.change.files: print(ascii(f.path), f.kind.value, s.read(f.path))\n"
    )
    out = []
    for locale in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        env = {**os.environ, **locale}
        argv = [sys.executable, "-c", code]
        out.append(subprocess.run(argv, cwd=repo.root, env=env, capture_output=True, check=True, text=True).stdout)
    assert out[0] == out[1]
    assert out[0].count("text 2\n") == len(names) - 1
    assert "'\\xe9t\\xe9.py' binary" in out[0]
    assert out[0].count("text 3\n") == len(names) - 1


# ---- anything

NAMES = ["a.py", "b c.py", "dir/é.txt", "dir/tab\t.h", 'quo"te.c', "cr\r", "b/x b/y", "-dash", os.fsdecode(b"\xff.py")]
TEXTS = st.lists(
    st.sampled_from(
        [b"x = 1\n", b"\n", b"y\r\n", b"\xe9\n", b"\x0c\n", b"z\r", b"\xe2\x80\xa8\n", b"-- a\n", b"++ b\n", b"$Id$\n"]
    ),
    max_size=12,
).map(b"".join)
ATTRIBUTES = st.lists(
    st.sampled_from(
        [
            *("*.py text eol=crlf", "*.txt text", "*.h ident", "*.c -text", "* text=auto", "*.py diff=python"),
            *("*.c diff=odd", "dir/* whitespace=cr-at-eol", "*.py filter=odd", "cr* eol=lf"),
        ]
    ),
    max_size=3,
).map("\n".join)
SETTINGS = st.lists(
    st.sampled_from(
        [
            *(("core.autocrlf", "true"), ("core.autocrlf", "input"), ("core.safecrlf", "true"), ("core.eol", "crlf")),
            *(("diff.noPrefix", "true"), ("diff.renames", "copies"), ("core.quotePath", "false")),
            *(("filter.odd.clean", "false"), ("diff.odd.textconv", "false"), ("diff.context", "0")),
        ]
    ),
    max_size=3,
)


@POSIX
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=5),
    after=st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=5),
    attributes=ATTRIBUTES,
    config=SETTINGS,
)
def test_every_line_is_the_one_that_git_stores(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, bytes],
    after: dict[str, bytes],
    attributes: str,
    config: list[tuple[str, str]],
) -> None:
    repo = Repo.init(tmp_path_factory.mktemp("any"))
    repo.commit("empty", {".gitattributes": f"{attributes}\n"})
    for name, value in config:
        if not name.startswith("core."):  # those that convert would refuse or warn when the files are added
            repo.git("config", name, value)
    if before:
        repo.commit("before", dict(before))
    for name, value in config:
        repo.git("config", name, value)
    repo.git("config", "core.safecrlf", "false")
    repo.write(dict(after))
    for path in set(before) - set(after):
        (repo.root / path).unlink()
    worktree = {path: text for path in after if (text := _checked(read(repo), path)) is not None}
    repo.git("config", "--unset-all", "filter.odd.clean", check=False)
    repo.git("add", "-A")
    staged = read(repo, staged=True)
    names = repo.git("diff", "--cached", "--name-only", "--no-renames", "-z").split(b"\0")[:-1]
    assert {
        os.fsencode(path) for file in staged.change.files for path in (file.path, file.old_path or file.path)
    } == set(names)
    for path in after:
        stored = repo.git("cat-file", "blob", f":0:{path}")
        assert encode(_checked(staged, path) or "") == stored
        assert path not in worktree or encode(worktree[path]) == stored
    repo.git("commit", "-q", "--allow-empty", "-m", "after")
    assert read(repo, "HEAD~1..HEAD").change.files == staged.change.files


def _checked(change: ChangeSource, path: str) -> str | None:
    if not any(file.unread for file in change.change.files):
        added(change)
    return change.read(path)


def test_uncommitted_changes_are_the_working_tree_against_the_commit(repo: Repo) -> None:
    repo.commit("first", {"a.py": "1\n2\n3\n", "same.py": "s\n", "gone.py": "g\n"})
    repo.stage({"a.py": "one\n2\n3\n", "new.py": "n\n", "back.py": "b\n"})
    repo.write({"a.py": "one\n2\nthree\n", "intended.py": "i\n", "unknown.py": "u\n"})
    repo.git("add", "-N", "intended.py")
    (repo.root / "gone.py").unlink()
    (repo.root / "back.py").unlink()
    change = uncommitted(repo)
    assert change.change.subject == "uncommitted changes"
    assert added(change) == {"a.py": ["one", "three"], "gone.py": [], "intended.py": ["i"], "new.py": ["n"]}
    assert change.read("same.py") == "s\n"
    assert change.old(["a.py", "new.py"]) == {"a.py": b"1\n2\n3\n", "new.py": None}


def test_uncommitted_changes_before_the_first_commit(repo: Repo) -> None:
    repo.stage({"a.py": "1\n"})
    repo.write({"a.py": "2\n"})
    assert added(uncommitted(repo)) == {"a.py": ["2"]}


# ---- merges

MERGED = [f"line {number}\n" for number in range(40)]


@pytest.fixture
def conflicted(repo: Repo) -> Repo:
    """A merge in progress: ``a.py`` is in conflict at line 6, and each side changed other lines and files."""
    repo.commit("base", {"a.py": "".join(MERGED), "both.py": "1\n", "gone.py": "g\n"})
    repo.git("switch", "-q", "-c", "topic")
    theirs = [*MERGED[:5], "theirs\n", *MERGED[6:20], "theirs 20\n", *MERGED[21:], *(f"more {n}\n" for n in range(90))]
    repo.commit("topic", {"a.py": "".join(theirs), "theirs.py": "t\n" * 500})
    repo.git("switch", "-q", "main")
    ours = [*MERGED[:5], "ours\n", *MERGED[6:30], "ours 30\n", *MERGED[31:]]
    repo.commit("main", {"a.py": "".join(ours), "ours.py": "o\n"})
    repo.git("merge", "-q", "topic", check=False)
    merged = [*MERGED[:5], "both\n", *MERGED[6:20], "theirs 20\n", *MERGED[21:30], "ours 30\n", *MERGED[31:]]
    repo.stage({"a.py": "".join([*merged, *(f"more {n}\n" for n in range(90) if n != 50), "and\n"])})
    return repo


@pytest.mark.parametrize("committed", [False, True])
def test_a_merge_is_reviewed_where_it_differs_from_both_parents(conflicted: Repo, committed: bool) -> None:
    if committed:
        conflicted.commit("merged")
    change = read(conflicted, "HEAD") if committed else read(conflicted, staged=True)
    assert "merge" in change.change.subject
    assert added(change) == {"a.py": ["both", "and"]}
    (file,) = change.change.files
    first, last = file.hunks
    assert [(line.kind.value, line.text) for line in first.lines] == [
        *((" ", f"line {number}") for number in (2, 3, 4)),
        *(("-", "ours"), ("+", "both")),
        *((" ", f"line {number}") for number in (6, 7, 8)),
    ]
    assert (first.new_start, first.new_count, first.anchors) == (3, 7, (6,))
    assert [line.text for line in last.lines] == ["more 87", "more 88", "more 89", "and"]
    assert all(line.old is None for line in last.lines[:3]), "they come from the other side"
    units = select(change, Settings()).units
    assert [unit.anchors for unit in units] == [(6,), (130,)]


def test_uncommitted_changes_of_a_merge_differ_from_both_parents(conflicted: Repo) -> None:
    path = conflicted.root / "a.py"
    path.write_text(path.read_text().replace("line 2\n", "unstaged 2\n"))
    change = uncommitted(conflicted)
    assert added(change) == {"a.py": ["unstaged 2", "both", "and"]}
    assert change.read("a.py") == path.read_text()


def test_lines_that_a_merge_removes_from_both_sides(repo: Repo) -> None:
    repo.commit("base", {"a.py": "".join(MERGED)})
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("topic", {"a.py": "".join(["theirs\n", *MERGED])})
    repo.git("switch", "-q", "main")
    repo.commit("main", {"a.py": "".join([*MERGED, "ours\n"])})
    repo.git("merge", "-q", "--no-commit", "topic")
    repo.stage({"a.py": "".join(["theirs\n", *MERGED[:20], *MERGED[21:], "ours\n"])})
    (file,) = read(repo, staged=True).change.files
    (hunk,) = file.hunks
    assert [(line.kind.value, line.text) for line in hunk.lines if line.kind.value != " "] == [("-", "line 20")]
    assert hunk.anchors == (22,)


def test_a_resolution_that_keeps_both_sides_is_reviewed(repo: Repo) -> None:
    repo.commit("base", {"a.py": "".join(MERGED)})
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("topic", {"a.py": "".join([*MERGED[:5], "theirs\n", *MERGED[6:20], "theirs 20\n", *MERGED[21:]])})
    repo.git("switch", "-q", "main")
    repo.commit("main", {"a.py": "".join([*MERGED[:5], "ours\n", *MERGED[6:30], "ours 30\n", *MERGED[31:]])})
    repo.git("merge", "-q", "topic", check=False)
    both = [*MERGED[:5], "ours\n", "theirs\n", *MERGED[6:20], "theirs 20\n", *MERGED[21:30], "ours 30\n", *MERGED[31:]]
    repo.stage({"a.py": "".join(both)})
    assert added(read(repo, staged=True)) == {"a.py": ["theirs"]}
    repo.stage({"a.py": "".join([*both[:5], *both[6:]])})
    assert read(repo, staged=True).change.files == (), "the resolution is that of one side"


def test_a_clean_merge_leaves_nothing_to_review(repo: Repo) -> None:
    repo.commit("base", {"a.py": "1\n"})
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("topic", {"t.py": "t\n", "b.bin": b"\0"})
    repo.git("switch", "-q", "main")
    repo.commit("main", {"m.py": "m\n"})
    repo.git("merge", "-q", "--no-edit", "topic")
    assert read(repo, "HEAD").change.files == ()
    assert [file.path for file in read(repo, "HEAD~1..HEAD").change.files] == ["b.bin", "t.py"]


def test_files_that_only_a_merge_brings(conflicted: Repo) -> None:
    conflicted.stage({"evil.py": "e\n", "theirs.py": "t\n" * 499 + "evil\n", "pic.bin": b"\0"})
    conflicted.git("rm", "-q", "gone.py")
    change = read(conflicted, staged=True)
    assert added(change) == {
        "a.py": ["both", "and"],
        "evil.py": ["e"],
        "gone.py": [],
        "pic.bin": [],
        "theirs.py": ["evil"],
    }
    statuses = {file.path: file.status for file in change.change.files}
    assert statuses["theirs.py"] is FileStatus.MODIFIED
    assert statuses["evil.py"] is FileStatus.ADDED
    assert statuses["gone.py"] is FileStatus.DELETED


# ---- bounds


def test_large_data_is_not_read(repo: Repo) -> None:
    rows = "".join(f"{number},{number * 7},some text\n" for number in range(100_000))
    repo.commit("data", {"a.py": "x = 1\n", "big.csv": rows, "small.csv": "1,2\n", "one line.json": "1" * 3_000_000})
    change = read(repo, "HEAD")
    assert [unit.path for unit in select(change, Settings()).units] == ["a.py", "small.csv"]
    assert skipped(change) == {
        "big.csv": ("its change is larger than 256 KiB", False),
        "one line.json": ("its change is larger than 256 KiB", False),
    }
    lines = {one.path: one.lines for one in select(change, Settings()).skimmed}
    assert lines == {"big.csv": 100_000, "one line.json": 1}


def test_large_code_makes_a_required_review_incomplete(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_CODE", 1 << 10)
    monkeypatch.setattr(source, "_ALL_CODE", 2 << 10)
    big, middle = "x = 1\n" * 200, "x = 1\n" * 100
    repo.commit("code", {"a.py": big, "b.py": middle, "c.py": middle, "d.py": middle, "e.py": "x = 1\n"})
    change = read(repo, "HEAD")
    assert [unit.path for unit in select(change, Settings()).units] == ["b.py", "c.py", "e.py"]
    assert skipped(change)["a.py"] == ("its change is larger than 1 KiB", True)
    assert skipped(change)["d.py"][1]


def test_lock_files_are_skipped_whatever_their_size(repo: Repo) -> None:
    repo.commit("lock", {"yarn.lock": "x\n" * 3_000_000, "lib/pylock.toml": "x = 1\n"})
    assert skipped(read(repo, "HEAD")) == {"yarn.lock": ("lock file", False), "lib/pylock.toml": ("lock file", False)}


def test_a_deadline_ends_the_reading(repo: Repo) -> None:
    repo.commit("many", {f"f{number}.py": f"x = {number}\n" for number in range(30)})
    change = read(repo, "HEAD", deadline=0)
    assert skipped(change) == {f"f{number}.py": ("not read in time", True) for number in range(30)}
    assert select(change, Settings()).units == ()
    assert select(read(repo, "HEAD", deadline=600), Settings()).skimmed == ()


def test_a_deadline_ends_the_cutting(repo: Repo) -> None:
    repo.commit("many", {f"f{number}.py": f"x = {number}\n" for number in range(30)})
    whole = read(repo, "HEAD")
    late = ChangeSource(whole.change, whole.read, whole.attributes, until=time.monotonic())
    assert {reason for reason, _ in skipped(late).values()} == {"not read in time"}


@POSIX
def test_a_git_that_hangs_is_stopped_at_the_deadline(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("first", {"a.py": "x = 1\n"})
    real = subprocess.run(["which", "git"], capture_output=True, check=True, text=True).stdout.strip()
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\ncase "$*" in *--patch*) exec sleep 60;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    began = time.monotonic()
    assert skipped(read(repo, "HEAD", deadline=1)) == {"a.py": ("not read in time", True)}
    assert time.monotonic() - began < 30


# ---- partial clones


def test_a_partial_clone_is_not_completed(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.commit("first", {"a.py": "x = 1\n", "b.py": "y = 1\n"})
    repo.commit("second", {"a.py": "x = 2\n"})
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "-q", "--filter=blob:none", repo.root.as_uri(), str(clone.root))

    def missing() -> bytes:
        return clone.git("rev-list", "--objects", "--all", "--missing=print").partition(b"?")[2]

    before = missing()
    assert before
    with pytest.raises(GitError, match="partial clone") as caught:
        read(clone, "HEAD")
    assert "git show --patch HEAD" in str(caught.value.hint)
    assert missing() == before, "nothing was fetched"
    clone.stage({"b.py": "y = 2\n"})
    assert added(read(clone, staged=True)) == {"b.py": ["y = 2"]}
    clone.git("show", "--patch", "HEAD")
    assert added(read(clone, "HEAD")) == {"a.py": ["x = 2"]}


def test_the_kind_of_each_target(repo: Repo) -> None:
    repo.commit("first", {"a.py": "1\n"})
    repository = Repository.discover(repo.root)
    assert repository.target("HEAD", staged=False).kind is TargetKind.COMMIT
    assert repository.target("HEAD", staged=False).others == ()
