"""What is written, and what is refused and why: on real repositories, compared byte for byte with what git makes."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from reviewer.errors import UsageError
from reviewer.finding import Category
from reviewer.git import Repository
from tests.applying.samples import Fix, history, ids, plan, review, write
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

CODE = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"
posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


def staged(repo: Repo, path: str = "a.py", content: str | bytes = CODE, **config: str) -> Repo:
    for name, value in config.items():
        repo.git("config", f"core.{name}", value)
    repo.commit("first", {"README": "x\n"})
    repo.stage({path: content})
    return repo


def index(repo: Repo) -> bytes:
    return (repo.root / ".git" / "index").read_bytes()


@pytest.mark.parametrize(
    ("path", "content", "fixes", "after"),
    [
        pytest.param("a.py", CODE, [(2, 2, "    return 10")], CODE.replace("return 1", "return 10"), id="one"),
        pytest.param(
            "a.py",
            CODE,
            [(6, 6, "    x = 2\n    return x"), (2, 2, "    return 10")],
            "def one():\n    return 10\n\n\ndef two():\n    x = 2\n    return x\n",
            id="two in one file",
        ),
        pytest.param("a b/größe 漢.py", "x = 1\n", [(1, 1, "x = 2")], "x = 2\n", id="spaces and non-ASCII"),
        pytest.param("a.py", "x = 1", [(1, 1, "x = 2")], "x = 2", id="no newline at the end"),
        pytest.param(
            "a.py", b"x = 1\r\ny = 1\r\n", [(1, 1, "x = 2\nz = 3")], b"x = 2\r\nz = 3\r\ny = 1\r\n", id="CRLF"
        ),
        pytest.param("a.py", b"x = 1\ny = 1\r\nz = 1\n", [(2, 2, "y = 2")], b"x = 1\ny = 2\r\nz = 1\n", id="mixed"),
        pytest.param("a.txt", b"caf\xe9\nth\xe9\n", [(1, 1, "coffee")], b"coffee\nth\xe9\n", id="not UTF-8"),
        pytest.param("a.py", b"\xef\xbb\xbfx = 1\ny = 1\n", [(2, 2, "y = 2")], b"\xef\xbb\xbfx = 1\ny = 2\n", id="BOM"),
        pytest.param("a.txt", "a\nb\n", [(2, 2, "")], "a\n", id="deletion"),
    ],
)
def test_what_is_written(
    repo: Repo, path: str, content: str | bytes, fixes: list[tuple[int, int, str]], after: str | bytes
) -> None:
    staged(repo, path, content)
    kept = review(repo, *(Fix(path, *fix) for fix in fixes))
    before = index(repo)
    planned = write(repo, kept)
    assert planned.refusals == ()
    assert (repo.root / path).read_bytes() == (after.encode() if isinstance(after, str) else after)
    assert index(repo) == before
    # The patch says the same to git.
    repo.git("checkout", "-q", "--", path)
    repo.git("apply", data=planned.patch.encode("utf-8", "surrogateescape"))
    assert (repo.root / path).read_bytes() == (after.encode() if isinstance(after, str) else after)
    repo.git("checkout", "-q", "--", path)


@pytest.mark.parametrize(
    ("config", "attributes", "lying"),
    [
        ({"autocrlf": "true"}, "", b"x = 1\r\ny = 1\r\n"),
        ({"autocrlf": "true"}, "", b"x = 1\r\ny = 1\n"),  # git would store the same of it
        ({"autocrlf": "input"}, "", b"x = 1\r\ny = 1\r\n"),
        ({}, "*.py text eol=crlf\n", b"x = 1\r\ny = 1\r\n"),
        ({"eol": "crlf"}, "*.py text\n", b"x = 1\r\ny = 1\r\n"),
    ],
)
def test_line_endings_of_the_working_tree_stay(
    repo: Repo, config: dict[str, str], attributes: str, lying: bytes
) -> None:
    staged(repo, "a.py", "x = 1\ny = 1\n")
    for name, value in config.items():
        repo.git("config", f"core.{name}", value)
    repo.write({".gitattributes": attributes, "a.py": lying})
    kept = review(repo, Fix("a.py", 1, 1, "x = 2\nx2 = 2"))
    planned = write(repo, kept)
    assert planned.refusals == ()
    assert (repo.root / "a.py").read_bytes() == lying.replace(b"x = 1\r\n", b"x = 2\r\nx2 = 2\r\n")
    assert "\r" not in planned.patch  # as git diff shows it
    repo.write({"a.py": lying})
    repo.git("apply", data=planned.patch.encode())
    assert repo.git("diff", "--name-only").split() == [b"a.py"]
    repo.git("add", "a.py")
    assert repo.git("show", ":a.py") == b"x = 2\nx2 = 2\ny = 1\n"


def test_a_crlf_blob_under_autocrlf(repo: Repo) -> None:
    """Git leaves a file with CRLF in the index alone, though autocrlf would convert a new one."""
    staged(repo, "a.py", b"x = 1\r\ny = 1\r\n")
    repo.git("config", "core.autocrlf", "true")
    planned = write(repo, review(repo, Fix("a.py", 1, 1, "x = 2")))
    assert planned.refusals == ()
    assert (repo.root / "a.py").read_bytes() == b"x = 2\r\ny = 1\r\n"


def test_a_filter_that_keeps_the_lines(repo: Repo) -> None:
    staged(repo, "a.py", "x = 1\n# $Id$\n")
    repo.write({".gitattributes": "*.py ident\n"})
    repo.git("rm", "-q", "--cached", "a.py")
    repo.git("add", "a.py", ".gitattributes")
    kept = review(repo, Fix("a.py", 1, 1, "x = 2"))
    (repo.root / "a.py").unlink()
    repo.git("checkout", "-q", "--", "a.py")
    assert b"$Id: " in (repo.root / "a.py").read_bytes()
    assert write(repo, kept).refusals == ()
    assert (repo.root / "a.py").read_bytes().startswith(b"x = 2\n# $Id: ")


@posix
def test_a_filter_that_makes_something_else_of_the_result(repo: Repo) -> None:
    repo.git("config", "filter.lower.clean", "tr A-Z a-z")
    repo.commit("first", {".gitattributes": "*.txt filter=lower\n"})
    repo.stage({"a.txt": "one\nTWO\n"})
    kept = review(repo, Fix("a.txt", 1, 1, "One"), Fix("a.txt", 1, 1, "three"))
    (refusal,) = plan(repo, kept, 1).refusals
    assert "a filter or an encoding would" in refusal.reason
    write(repo, kept, 2)
    assert (repo.root / "a.txt").read_bytes() == b"three\nTWO\n"


def test_a_filter_that_turns_the_lines(repo: Repo) -> None:
    turn = f"'{sys.executable}' -c \"import sys; sys.stdout.write(sys.stdin.read()[::-1])\""
    for kind in ("clean", "smudge"):
        repo.git("config", f"filter.turned.{kind}", turn)
    repo.commit("first", {".gitattributes": "*.txt filter=turned\n"})
    repo.stage({"a.txt": "ab\ncd\n"})
    (refusal,) = plan(repo, review(repo, Fix("a.txt", 2, 2, "xx"))).refusals
    assert "other lines" in refusal.reason or "filter" in refusal.reason
    assert (repo.root / "a.txt").read_bytes() == b"ab\ncd\n"


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_a_name_that_is_no_utf8(repo: Repo) -> None:
    name = "caf\udce9 \n.py"
    repo.commit("first", {"README": "x\n"})
    repo.stage({name: "x = 1\n"})
    planned = write(repo, review(repo, Fix(name, 1, 1, "x = 2")))
    assert planned.refusals == ()
    assert (repo.root / name).read_text() == "x = 2\n"
    repo.git("apply", "-R", data=planned.patch.encode())
    assert (repo.root / name).read_text() == "x = 1\n"


@posix
def test_the_mode_stays(repo: Repo) -> None:
    staged(repo, "run.py", "x = 1\n")
    (repo.root / "run.py").chmod(0o755)
    repo.git("add", "run.py")
    write(repo, review(repo, Fix("run.py", 1, 1, "x = 2")))
    assert stat.S_IMODE((repo.root / "run.py").stat().st_mode) == 0o755
    assert repo.git("diff", "--summary") == b""
    assert [path.name for path in repo.root.iterdir() if path.name.startswith(".")] == [".git"]


def test_a_renamed_file(repo: Repo) -> None:
    repo.commit("first", {"old.py": CODE + "# more\n" * 20})
    repo.git("mv", "old.py", "new.py")
    repo.stage({"new.py": CODE.replace("1", "3") + "# more\n" * 20})
    write(repo, review(repo, Fix("new.py", 2, 2, "    return 1")))
    assert (repo.root / "new.py").read_text().startswith(CODE)


@pytest.mark.parametrize("how", ["commit", "range", "worktree", "worktree crlf"])
def test_other_things_than_the_index(repo: Repo, how: str) -> None:
    staged(repo)
    base = repo.head()
    repo.commit("second")
    if how.startswith("worktree"):
        repo.write({"a.py": CODE + "x = 1\n"})
    if how == "worktree crlf":
        repo.git("config", "core.autocrlf", "true")
        repo.write({"a.py": (CODE + "x = 1\n").replace("\n", "\r\n")})
    repository = Repository.discover(repo.root)
    revision = {"commit": "HEAD", "range": f"{base}..HEAD"}.get(how)
    target = repository.target(revision, staged=False)
    kept = review(repo, Fix("a.py", 2, 2, "    return 10"), Fix("a.py", 6, 6, "    return 20"), target=target)
    before = (repo.root / "a.py").read_bytes()
    assert write(repo, kept, 1).refusals == ()
    assert (repo.root / "a.py").read_bytes() == before.replace(b"return 1", b"return 10")
    assert write(repo, kept, 2).refusals == ()  # its own suggestion of before does not count as a change
    after = before.replace(b"return 1", b"return 10").replace(b"return 2", b"return 20")
    assert (repo.root / "a.py").read_bytes() == after
    if how.startswith("worktree"):
        repo.write({"a.py": after + b"z = 1\n"})
        kept = review(repo, Fix("a.py", 2, 2, "    return 11"), target=target)
        repo.write({"a.py": after})
        (refusal,) = plan(repo, kept).refusals
        assert "has changed since the review" in refusal.reason


def test_one_after_the_other_shifts_lines(repo: Repo) -> None:
    kept = review(staged(repo), Fix("a.py", 2, 2, "    x = 1\n    return x"), Fix("a.py", 6, 6, "    return 20"))
    write(repo, kept, 1)
    planned = write(repo, kept, 2)
    assert (repo.root / "a.py").read_text() == CODE.replace("return 1", "x = 1\n    return x").replace("2", "20")
    assert "@@ -4,4 +4,4 @@" in planned.patch
    (refusal,) = plan(repo, kept, 2).refusals
    assert refusal.reason == "it is applied already"
    # Taken back by hand, it can be applied again.
    repo.git("checkout", "-q", "--", "a.py")
    assert plan(repo, kept, 1, 2).refusals == ()


def unstaged(repo: Repo) -> None:
    repo.write({"a.py": CODE + "z = 1\n"})


def restaged(repo: Repo) -> None:
    repo.stage({"a.py": CODE + "z = 1\n"})


def removed(repo: Repo) -> None:
    (repo.root / "a.py").unlink()


def linked(repo: Repo) -> None:
    (repo.root / "b.py").write_text(CODE)
    removed(repo)
    (repo.root / "a.py").symlink_to("b.py")


def a_folder(repo: Repo) -> None:
    removed(repo)
    (repo.root / "a.py").mkdir()


@pytest.mark.parametrize(
    ("change", "reason", "hint"),
    [
        (unstaged, "a.py has changes that are not staged", "git add a.py && reviewer review"),
        (restaged, "a.py has changed since the review", "reviewer review"),
        (removed, "not in the working tree", ""),
        (a_folder, "not in the working tree", ""),
        pytest.param(linked, "a.py is a symbolic link now", "", marks=posix),
    ],
)
def test_a_file_that_is_something_else_is_refused(repo: Repo, change: object, reason: str, hint: str) -> None:
    kept = review(staged(repo), Fix("a.py", 2, 2, "    return 10"))
    change(repo)  # type: ignore[operator]
    planned = plan(repo, kept)
    assert planned.files == ()
    (refusal,) = planned.refusals
    assert reason in refusal.reason
    assert hint in refusal.hint


@posix
def test_no_link_leads_out_of_the_working_tree(repo: Repo, tmp_path: Path) -> None:
    kept = review(staged(repo, "sub/a.py"), Fix("sub/a.py", 2, 2, "    return 10"))
    outside = tmp_path / "outside"
    (repo.root / "sub").rename(outside)
    (repo.root / "sub").symlink_to(outside)
    (refusal,) = plan(repo, kept).refusals
    assert "behind a symbolic link" in refusal.reason
    assert (outside / "a.py").read_text() == CODE


@pytest.mark.parametrize(
    ("fixes", "chosen", "written", "refused"),
    [
        (
            [(1, 2, "def one():\n    return 3"), (2, 2, "    return 4")],
            (1, 2),
            (1,),
            {2: "the same lines as {0}"},
        ),
        (
            [(1, 2, "def one():\n    return 3"), (2, 2, "    return 4")],
            (2, 1),
            (2,),
            {1: "the same lines as {1}"},
        ),
        ([(2, 2, None), (6, 6, "    return 4")], (), (2,), {1: "no suggestion"}),
        # Each of the two parses, both together do not.
        ([(1, 1, "/* a"), (3, 3, "g();")], (), (1,), {2: "does not parse with {0} and {1} together"}),
    ],
)
def test_suggestions_that_exclude_each_other(
    repo: Repo,
    fixes: list[tuple[int, int, str | None]],
    chosen: tuple[int, ...],
    written: tuple[int, ...],
    refused: dict[int, str],
) -> None:
    path, content = ("a.js", "/* a */\nf();\n/* b */\n") if fixes[0][2] == "/* a" else ("a.py", CODE)
    kept = review(staged(repo, path, content), *(Fix(path, *fix) for fix in fixes))
    planned = plan(repo, kept, *chosen)
    assert planned.ids == ids(kept, *written)
    assert tuple(one.id for one in planned.refusals) == ids(kept, *refused)
    for one, reason in zip(planned.refusals, refused.values(), strict=True):
        assert reason.format(*ids(kept, 1, 2)) in one.reason


def test_a_masked_suggestion_is_refused(repo: Repo) -> None:
    kept = review(staged(repo), Fix("a.py", 2, 2, "    return 10"), masked=(1,))
    (refusal,) = plan(repo, kept).refusals
    assert "its exact text was not stored" in refusal.reason


def test_one_refused_file_does_not_hold_up_another(repo: Repo) -> None:
    staged(repo)
    repo.stage({"b.py": CODE})
    kept = review(repo, Fix("a.py", 2, 2, "    return 10"), Fix("b.py", 2, 2, "    return 10"))
    repo.write({"a.py": "changed\n"})
    planned = plan(repo, kept)
    assert (planned.ids, tuple(one.id for one in planned.refusals)) == (ids(kept, 2), ids(kept, 1))


def test_a_linked_worktree_and_a_subfolder(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    staged(repo).commit("second")
    other = Repo(repo.root.parent / "other tree")
    repo.git("worktree", "add", "-q", "-b", "other", str(other.root))
    other.stage({"sub/a.py": CODE})
    monkeypatch.chdir(other.root / "sub")
    kept = review(other, Fix("sub/a.py", 2, 2, "    return 10"))
    write(other, kept)
    assert "return 10" in (other.root / "sub" / "a.py").read_text()
    assert not (repo.root / "sub").exists()


def test_undo_restores_every_byte(repo: Repo) -> None:
    staged(repo, "a.py", b"x = 1\r\n# caf\xe9\r\n")
    repo.stage({"b.py": "x = 1"})
    kept = review(repo, Fix("a.py", 1, 1, "x = 2"), Fix("b.py", 1, 1, "x = 2\ny = 3"), Fix("a.py", 2, 2, ""))
    write(repo, kept, 1, 3)
    write(repo, kept, 2)
    assert [one.ids for one in history(repo).all()] == [ids(kept, 1, 3), ids(kept, 2)]
    assert history(repo).undo().ids == ids(kept, 2)
    assert (repo.root / "a.py").read_bytes() == b"x = 2\r\n# caf\xe9\r\n"
    assert history(repo).undo().ids == ids(kept, 1, 3)
    assert repo.git("diff") == b""
    with pytest.raises(UsageError, match="nothing to undo"):
        history(repo).undo()


def test_undo_is_refused_after_further_edits(repo: Repo) -> None:
    staged(repo)
    repo.stage({"b.py": CODE})
    kept = review(repo, Fix("a.py", 2, 2, "    return 10"), Fix("b.py", 2, 2, "    return 10"))
    write(repo, kept)
    edited = (repo.root / "b.py").read_text() + "z = 1\n"
    repo.write({"b.py": edited})
    with pytest.raises(UsageError, match=rf"cannot undo {', '.join(ids(kept, 1, 2))}: b\.py changed since") as problem:
        history(repo).undo()
    assert "return 10" in (repo.root / "a.py").read_text()
    assert (repo.root / "b.py").read_text() == edited
    # What the hint says works.
    assert problem.value.hint is not None
    repo.git(*shlex.split(problem.value.hint.partition(": git ")[2]))
    assert (repo.root / "b.py").read_text() == CODE + "z = 1\n"
    # A file that was taken back by hand is nothing to complain of.
    repo.write({"b.py": CODE})
    history(repo).undo()
    assert repo.git("diff") == b""


def test_a_file_that_changes_between_plan_and_write(repo: Repo) -> None:
    staged(repo)
    repo.stage({"b.py": CODE})
    kept = review(repo, Fix("a.py", 2, 2, "    return 10"), Fix("b.py", 2, 2, "    return 10"))
    planned = plan(repo, kept)
    repo.write({"b.py": "mine\n"})
    with pytest.raises(UsageError, match=r"b\.py was changed at the same time"):
        history(repo).write(planned, kept.made, kept.subject)
    assert (repo.root / "a.py").read_text() == CODE  # all or nothing
    assert (repo.root / "b.py").read_text() == "mine\n"
    assert history(repo).all() == []


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(repo: Repo) -> None:
    kept = review(staged(repo, "sub/a.py"), Fix("sub/a.py", 2, 2, "    return 10"))
    (repo.root / "sub").chmod(0o555)
    try:
        with pytest.raises(UsageError, match=r"cannot write sub/a\.py: Permission denied"):
            write(repo, kept)
    finally:
        (repo.root / "sub").chmod(0o755)
    assert history(repo).all() == []


def test_old_patches_are_forgotten(repo: Repo) -> None:
    staged(repo, content="x = 0\n")
    kept = review(repo, Fix("a.py", 1, 1, "x = 1"))
    for _ in range(22):
        write(repo, kept)
        repo.write({"a.py": "x = 0\n"})
    assert [one.number for one in history(repo).all()] == list(range(3, 23))
    assert len(list((repo.root / ".git" / "reviewer" / "applied").iterdir())) == 40


def test_a_completion_is_applied_likewise(repo: Repo) -> None:
    staged(repo, content="def one():\n    pass\n")
    kept = review(repo, Fix("a.py", 2, 2, '    """One."""\n    return 1', Category.UNFINISHED))
    write(repo, kept)
    assert (repo.root / "a.py").read_text() == 'def one():\n    """One."""\n    return 1\n'
