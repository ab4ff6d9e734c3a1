"""Repositories, targets, patches and contents, each on real git."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reviewer.errors import GitError, UsageError
from reviewer.git import Repository, Target, TargetKind, read_patch
from reviewer.git.content import worktree_file
from tests.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX file names, modes or hooks")


def staged(repo: Repo) -> bytes:
    repository = Repository.discover(repo.root)
    return repository.patch(repository.target(None, staged=True))


def of(repo: Repo, revision: str) -> bytes:
    repository = Repository.discover(repo.root)
    return repository.patch(repository.target(revision, staged=True))


@pytest.fixture
def two(repo: Repo) -> Repo:
    """Two commits: ``a.txt`` holds 1, then 2."""
    repo.commit("first", {"a.txt": "1\n", "sub/b.txt": "b\n"})
    repo.commit("second", {"a.txt": "2\n"})
    return repo


# ---- discovery


def test_discover_names_the_folders(two: Repo) -> None:
    repository = Repository.discover(two.root / "sub")
    assert repository.root == two.root.resolve()
    assert repository.git_dir == repository.common_dir == two.root.resolve() / ".git"


def test_discover_takes_the_current_folder(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two.root / "sub")
    assert Repository.discover().root == two.root.resolve()


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitError, match="not inside a git repository") as caught:
        Repository.discover(tmp_path)
    assert "git diff | reviewer review -" in str(caught.value.hint)


def test_bare_repository(tmp_path: Path) -> None:
    bare = Repo.init(tmp_path / "bare.git", "--bare")
    with pytest.raises(GitError, match="bare repository"):
        Repository.discover(bare.root)


def test_inside_the_git_folder(two: Repo) -> None:
    with pytest.raises(GitError, match=r"inside a \.git folder"):
        Repository.discover(two.root / ".git")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a folder"):
        Repository.discover(tmp_path / "nowhere")


def test_owned_by_another(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match="another user owns it") as caught:
        Repository.discover(two.root)
    assert f"git config --global --add safe.directory '{two.root.resolve().as_posix()}'" in str(caught.value.hint)


@POSIX
def test_git_not_installed(two: Repo) -> None:
    code = "from reviewer.git import Repository; Repository.discover()"
    env = {**os.environ, "PATH": str(two.root)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=two.root, capture_output=True, check=False)
    assert b"GitError: git was not found\nInstall git" in done.stderr


def test_git_disappears(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository.discover(two.root)
    monkeypatch.setenv("PATH", str(two.root))
    with pytest.raises(GitError, match="git was not found"):
        repository.resolve("HEAD")


def test_importing_reviewer_git_does_not_load_gitpython() -> None:
    code = "import sys, reviewer.git; print('git' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"


# ---- targets


def test_staged_target(two: Repo) -> None:
    target = Repository.discover(two.root).target(None, staged=True)
    assert target == Target(TargetKind.STAGED, two.head(), None, "staged changes")


def test_worktree_target(two: Repo) -> None:
    target = Repository.discover(two.root).target(None, staged=False)
    assert target == Target(TargetKind.WORKTREE, None, None, "working tree changes")


@pytest.fixture
def merged(two: Repo) -> Repo:
    two.git("tag", "v1", "HEAD~1")
    two.git("tag", "v2")
    two.git("switch", "-q", "-c", "topic", "HEAD~1")
    two.commit("topic", {"t.txt": "t\n"})
    two.git("switch", "-q", "main")
    two.git("merge", "-q", "--no-ff", "-m", "merge topic", "topic")
    two.git("tag", "merge")
    return two


def test_commit_target_is_resolved(two: Repo) -> None:
    repository = Repository.discover(two.root)
    first, second = repository.resolve("HEAD~1"), two.head()
    target = repository.target("HEAD", staged=True)
    assert target == Target(TargetKind.COMMIT, first, second, f"commit HEAD ({second[:10]})")
    two.commit("third", {"a.txt": "3\n"})
    assert b"+2\n" in repository.patch(target)
    assert repository.target(second, staged=True).subject == f"commit {second[:10]}"


@pytest.mark.parametrize(
    ("revision", "old", "new"),
    [
        ("HEAD~1..HEAD", "HEAD~1", "HEAD"),
        ("HEAD~1..", "HEAD~1", "HEAD"),
        ("..HEAD~1", "HEAD", "HEAD~1"),
        ("v1..main", "HEAD~1", "HEAD"),
    ],
)
def test_range_target(two: Repo, revision: str, old: str, new: str) -> None:
    two.git("tag", "-a", "-m", "annotated", "v1", "HEAD~1")
    repository = Repository.discover(two.root)
    target = repository.target(revision, staged=True)
    assert (target.kind, target.base, target.head) == (
        TargetKind.RANGE,
        repository.resolve(old),
        repository.resolve(new),
    )


@pytest.mark.parametrize(
    ("revision", "same_as"),
    [("HEAD^!", "HEAD"), ("@^!", "@"), ("v1^!", "v1"), ("merge^!", "merge"), (":/merge^!", ":/merge")],
)
def test_a_commit_in_git_s_notation_is_that_commit(merged: Repo, revision: str, same_as: str) -> None:
    repository = Repository.discover(merged.root)
    assert repository.target(revision, staged=True) == repository.target(same_as, staged=True)


@pytest.mark.parametrize(
    ("revision", "git_s"),
    [("v2^-", "v2^..v2"), ("@^-", "HEAD^1..HEAD"), ("merge^-1", "merge^1..merge"), ("merge^-2", "merge^2..merge")],
)
def test_what_a_commit_adds_to_a_parent(merged: Repo, revision: str, git_s: str) -> None:
    repository = Repository.discover(merged.root)
    target = repository.target(revision, staged=True)
    assert (target.kind, [target.base, target.head]) == (
        TargetKind.RANGE,
        [*map(repository.resolve, git_s.split(".."))],
    )
    theirs = merged.git("diff", "--name-only", revision)
    assert theirs == merged.git("diff", "--name-only", git_s) != b""
    assert all(b"+++ b/" + name in repository.patch(target) for name in theirs.split())


def test_a_root_commit_adds_everything_and_has_no_parent(two: Repo) -> None:
    repository = Repository.discover(two.root)
    root = repository.target("HEAD~1^!", staged=True)
    assert root.base == repository._revisions.empty_tree()
    with pytest.raises(GitError, match=r"unknown revision HEAD~1\^1"):
        repository.target("HEAD~1^-", staged=True)


@pytest.mark.parametrize(
    "revision", ["nope^!", "nope^-", "HEAD^-0", "HEAD^-3", "HEAD^-x", "^!", "^-", "HEAD^!^!", "v1^@"]
)
def test_other_notations_are_unknown(two: Repo, revision: str) -> None:
    with pytest.raises(GitError, match="unknown revision"):
        Repository.discover(two.root).target(revision, staged=True)


def test_range_from_the_empty_tree_is_everything(two: Repo) -> None:
    empty = two.git("hash-object", "-t", "tree", "--stdin").decode().strip()
    assert of(two, f"{empty}..HEAD").count(b"\nnew file mode") == 2


def test_merge_base_target(two: Repo) -> None:
    fork = two.head()
    two.git("switch", "-q", "-c", "topic")
    topic = two.commit("topic", {"t.txt": "t\n"})
    two.git("switch", "-q", "main")
    two.commit("main goes on", {"a.txt": "3\n"})
    repository = Repository.discover(two.root)
    for target in (repository.target("main...topic", staged=True), repository.merge_base_target("main", "topic")):
        assert target == Target(TargetKind.RANGE, fork, topic, "main...topic")
        assert b"t.txt" in repository.patch(target)
        assert b"a.txt" not in repository.patch(target)


def test_no_merge_base(two: Repo) -> None:
    two.git("switch", "-q", "--orphan", "other")
    two.commit("other")
    with pytest.raises(GitError, match="main and other have no commit in common"):
        Repository.discover(two.root).merge_base_target("main", "other")


@pytest.mark.parametrize("revision", ["HEAD^{/se..}", ":/fir"])
def test_search_revisions(two: Repo, revision: str) -> None:
    wanted = {"HEAD^{/se..}": "HEAD", ":/fir": "HEAD~1"}[revision]
    repository = Repository.discover(two.root)
    assert repository.target(revision, staged=True).head == repository.resolve(wanted)


@pytest.mark.parametrize("revision", ["--output=owned", "-h", "", "a\0b", "--all..HEAD"])
def test_no_revision_becomes_an_option(two: Repo, revision: str) -> None:
    with pytest.raises(GitError, match="is not a revision"):
        Repository.discover(two.root).target(revision, staged=True)
    assert not (two.root / "owned").exists()


def test_unknown_revision(two: Repo) -> None:
    with pytest.raises(GitError, match="unknown revision nope") as caught:
        Repository.discover(two.root).target("nope..HEAD", staged=True)
    assert "git fetch" in str(caught.value.hint)


def test_blob_is_no_revision(two: Repo) -> None:
    with pytest.raises(GitError, match="unknown revision"):
        Repository.discover(two.root).resolve("HEAD:a.txt")


def test_revision_before_the_first_commit(repo: Repo) -> None:
    with pytest.raises(GitError, match="unknown revision HEAD") as caught:
        Repository.discover(repo.root).target("HEAD", staged=True)
    assert "reviewer review --staged" in str(caught.value.hint)


# ---- patches


def test_root_commit(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n"})
    assert b"new file mode 100644" in of(repo, "HEAD")


def test_sha256_repository(tmp_path: Path) -> None:
    repo = Repo.init(tmp_path / "long", "--object-format=sha256")
    repo.commit("first", {"a.txt": "1\n"})
    assert b"+1\n" in of(repo, "HEAD")
    repository = Repository.discover(repo.root)
    assert repository.content(repository.target("HEAD", staged=True), "a.txt") == b"1\n"


def test_the_patch_of_a_merge_is_against_its_first_parent(two: Repo) -> None:
    two.git("switch", "-q", "-c", "topic", "HEAD~1")
    two.commit("topic", {"t.txt": "t\n"})
    two.git("switch", "-q", "main")
    two.git("merge", "-q", "--no-ff", "--no-edit", "topic")
    patch = of(two, "HEAD")
    assert b"t.txt" in patch
    assert b"a.txt" not in patch


def test_a_carriage_return_in_a_header_starts_no_line(two: Repo) -> None:
    first, tree = (two.git("rev-parse", name).decode().strip() for name in ("HEAD~1", "HEAD^{tree}"))
    people = f"author A\rparent {first} <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n\nx\n"
    raw = f"tree {tree}\n{people}".encode()
    root = two.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", data=raw).decode().strip()
    assert of(two, root).count(b"\nnew file") == len(two.git("ls-files").split())


def test_first_commit_of_a_repository(repo: Repo) -> None:
    repository = Repository.discover(repo.root)
    assert not repository.has_staged_changes()
    assert staged(repo) == b""
    repo.stage({"a.txt": "1\n"})
    assert repository.has_staged_changes()
    assert b"new file mode" in staged(repo)


def test_partial_staging_is_reviewed_as_staged(two: Repo) -> None:
    two.stage({"a.txt": "staged\n"})
    two.write({"a.txt": "not staged\n"})
    repository = Repository.discover(two.root)
    target = repository.target(None, staged=True)
    assert b"+staged\n" in repository.patch(target)
    assert b"not staged" not in repository.patch(target)
    assert repository.content(target, "a.txt") == b"staged\n"
    worktree = repository.target(None, staged=False)
    assert b"-staged\n+not staged\n" in repository.patch(worktree)


def test_intent_to_add_is_not_recorded(two: Repo) -> None:
    two.write({"later.txt": "later\n"})
    two.git("add", "--intent-to-add", "later.txt")
    repository = Repository.discover(two.root)
    assert not repository.has_staged_changes()
    assert staged(two) == b""
    assert b"+later\n" in repository.patch(repository.target(None, staged=False))


def test_untracked_files_are_not_recorded(two: Repo) -> None:
    two.write({"new.txt": "new\n"})
    repository = Repository.discover(two.root)
    assert repository.patch(repository.target(None, staged=False)) == b""


def test_unfinished_merge(two: Repo) -> None:
    two.git("switch", "-q", "-c", "topic", "HEAD~1")
    two.commit("topic", {"a.txt": "topic\n", "clean.txt": "c\n"})
    two.git("switch", "-q", "main")
    two.git("merge", "-q", "topic", check=False)
    repository = Repository.discover(two.root)
    for target in (repository.target(None, staged=True), repository.target(None, staged=False)):
        with pytest.raises(GitError, match=r"a merge is not finished: a\.txt") as caught:
            repository.patch(target)
        assert "git add" in str(caught.value.hint)
    two.stage({"a.txt": "both\n"})
    assert b"+both\n" in staged(two)  # a merge in progress is read against HEAD, its first parent


def test_content_that_looks_unmerged_is_content(two: Repo) -> None:
    two.stage({"a.txt": "* Unmerged path x\ndiff --cc y\n"})
    assert b"+* Unmerged path x\n" in staged(two)


def test_index_is_never_written(two: Repo) -> None:
    index = two.root / ".git" / "index"
    two.stage({"a.txt": "3\n"})
    os.utime(two.root / "a.txt", (1, 1))  # git would like to refresh its cache
    before = index.read_bytes(), index.stat().st_mtime_ns
    repository = Repository.discover(two.root)
    for flag in (True, False):
        target = repository.target(None, staged=flag)
        repository.patch(target)
        repository.content(target, "a.txt")
    repository.has_staged_changes()
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before
    assert not list(index.parent.glob("*.lock"))


# What a user or a repository may have set; none of it may change a byte of the patch.
CONFIG = {
    "color.diff": "always",
    "color.ui": "always",
    "core.abbrev": "4",
    "core.bigFileThreshold": "1",
    "core.quotePath": "false",
    "diff.algorithm": "patience",
    "diff.colorMoved": "zebra",
    "diff.context": "0",
    "diff.dirstat": "lines,cumulative",
    "diff.dstPrefix": "new/",
    "diff.external": "/nonexistent/differ",
    "diff.ignoreSubmodules": "all",
    "diff.indentHeuristic": "false",
    "diff.interHunkContext": "20",
    "diff.mnemonicPrefix": "true",
    "diff.noPrefix": "true",
    "diff.orderFile": "order",
    "diff.py.command": "/nonexistent/differ",
    "diff.py.textconv": "/nonexistent/textconv",
    "diff.relative": "true",
    "diff.renameLimit": "1",
    "diff.renames": "false",
    "diff.srcPrefix": "old/",
    "diff.submodule": "log",
    "diff.suppressBlankEmpty": "true",
    "diff.wordRegex": ".",
    "diff.wsErrorHighlight": "all",
    "pager.diff-index": "/nonexistent/pager",
}


@pytest.fixture
def varied(two: Repo) -> Repo:
    """A staged change that every setting of ``CONFIG`` could spoil."""
    lines = [f"line {number}" if number % 5 else "" for number in range(60)]
    two.write({".gitattributes": "*.py diff=py\n", "order": "zz*\n"})
    two.commit("third", {"x.py": "\n".join(lines) + "\n", "old.txt": "same\n" * 9, "other.txt": "else\n" * 9})
    two.git("add", ".")
    two.commit("attributes")
    lines[7], lines[17], lines[30:33] = "seven \t", "", []
    two.git("mv", "old.txt", "new.txt")
    two.git("mv", "other.txt", "zz.txt")
    two.stage({"x.py": "\n".join(lines) + "\n", "new.txt": "same\n" * 8 + "é\n", "été.txt": "x\n"})
    two.stage({"zz.txt": "else\n" * 8 + "1\n"})
    return two


@pytest.mark.parametrize("where", ["--global", "--local"])
def test_patch_is_immune_to_configuration(varied: Repo, where: str) -> None:
    for setting, value in {"diff.renames": "true", "diff.orderFile": os.devnull}.items():
        varied.git("config", where, setting, value)
    plain = staged(varied)
    # The control: without any setting, this is what git itself shows.
    assert plain == varied.git("diff", "--cached", "--full-index", "--no-ext-diff", "--no-textconv")
    for setting, value in CONFIG.items():
        varied.git("config", where, setting, value)
    disturbed = varied.git("diff", "--cached", "--full-index", "--no-ext-diff", "--no-textconv")
    assert disturbed != plain
    assert staged(varied) == plain
    varied.git("commit", "-q", "-m", "all of it")
    assert of(varied, "HEAD") == plain
    varied.git("reset", "-q", "--soft", "HEAD~1")
    varied.git("reset", "-q")
    repository = Repository.discover(varied.root)
    assert b"\n+++ b/x.py\n" in repository.patch(repository.target(None, staged=False))


@pytest.mark.parametrize("setting", CONFIG)
def test_patch_is_immune_to_each_setting(varied: Repo, setting: str) -> None:
    plain = staged(varied)
    varied.git("config", setting, CONFIG[setting])
    assert staged(varied) == plain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_EXTERNAL_DIFF", "/nonexistent/differ"),
        ("GIT_DIFF_OPTS", "-u0"),
        ("GIT_PAGER", "/nonexistent/pager"),
        ("GIT_COLOR", "always"),
        ("GIT_LITERAL_PATHSPECS", "1"),
        ("LC_ALL", "de_DE.UTF-8"),
    ],
)
def test_patch_is_immune_to_the_environment(
    varied: Repo, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    plain = staged(varied)
    monkeypatch.setenv(name, value)
    assert staged(varied) == plain


def test_subfolder_sees_the_whole_change(varied: Repo) -> None:
    varied.git("config", "diff.relative", "true")
    repository = Repository.discover(varied.root / "sub")
    assert b"x.py" in repository.patch(repository.target(None, staged=True))


# ---- contents


def test_content_comes_from_the_revision(two: Repo) -> None:
    repository = Repository.discover(two.root)
    two.write({"a.txt": "not committed\n"})
    assert repository.content(repository.target("HEAD~1", staged=True), "a.txt") == b"1\n"
    assert repository.content(repository.target("HEAD~1..HEAD", staged=True), "a.txt") == b"2\n"


def test_contents_asks_once_for_many(two: Repo) -> None:
    files = {f"f{number}.bin": bytes([number]) * number + b"\nblob 3\n" for number in range(20)}
    two.stage({**files, "empty": b""})
    repository = Repository.discover(two.root)
    found = repository.contents(repository.target(None, staged=True), [*files, "nope", "sub", "empty"])
    assert found == {**files, "nope": None, "sub": None, "empty": b""}


@POSIX
@pytest.mark.parametrize("name", ["with space", "tab\tin", 'quo"te', "line\nfeed", "été", "-dash", "back\\slash"])
def test_content_of_odd_names(two: Repo, name: str) -> None:
    two.stage({name: "odd\n"})
    repository = Repository.discover(two.root)
    assert repository.content(repository.target(None, staged=True), name) == b"odd\n"
    assert repository.content(repository.target(None, staged=False), name) == b"odd\n"
    assert repository.show(two.commit("odd"), name) == b"odd\n"


@POSIX
def test_content_of_a_name_that_is_not_utf8(two: Repo) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        two.stage({name: "x\n"})
    except (OSError, AssertionError):
        pytest.skip("this file system wants UTF-8")
    repository = Repository.discover(two.root)
    assert repository.content(repository.target(None, staged=True), name) == b"x\n"


def test_content_is_what_git_stores(two: Repo) -> None:
    two.git("config", "core.autocrlf", "true")
    two.stage({"a.txt": "one\r\ntwo\r\n"})
    repository = Repository.discover(two.root)
    assert repository.content(repository.target(None, staged=True), "a.txt") == b"one\ntwo\n"


def test_deleted_file_has_no_content(two: Repo) -> None:
    two.git("rm", "-q", "a.txt")
    repository = Repository.discover(two.root)
    assert repository.content(repository.target(None, staged=True), "a.txt") is None
    assert repository.content(repository.target(None, staged=False), "a.txt") is None


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/hostname", "", ".", "link/secret", "sub", "sub/b.txt/c", "C:/x"]
)
def test_worktree_content_stays_inside(two: Repo, path: str) -> None:
    outside = two.root.parent / "elsewhere"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (two.root.parent / "outside.txt").write_text("secret")
    if os.name != "nt":
        (two.root / "link").symlink_to(outside)
    repository = Repository.discover(two.root)
    assert worktree_file(repository.root, path) is None
    assert repository.content(repository.target(None, staged=True), path) in (None, b"b\n")


@POSIX
def test_symlink_content_is_its_target(two: Repo) -> None:
    (two.root / "link").symlink_to("a.txt")
    two.git("add", "link")
    repository = Repository.discover(two.root)
    for flag in (True, False):
        assert repository.content(repository.target(None, staged=flag), "link") == b"a.txt"


def test_show(two: Repo) -> None:
    repository = Repository.discover(two.root)
    assert repository.show("HEAD~1", "a.txt") == b"1\n"
    assert repository.show("HEAD", "nope.txt") is None
    with pytest.raises(GitError, match="is not a revision"):
        repository.show("--batch", "a.txt")


def test_patch_target_has_no_contents(two: Repo) -> None:
    repository = Repository.discover(two.root)
    target = Target.of_patch("change.patch")
    for refused in (repository.patch, repository.blobs):
        with pytest.raises(ValueError, match="outside"):
            refused(target)


# ---- worktrees


def test_linked_worktree(two: Repo, tmp_path: Path) -> None:
    two.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    linked = Repo(tmp_path / "linked")
    linked.stage({"a.txt": "linked\n"})
    repository = Repository.discover(linked.root)
    assert repository.root == linked.root.resolve()
    assert repository.common_dir == two.root.resolve() / ".git"
    assert repository.git_dir == repository.common_dir / "worktrees" / "linked"
    assert repository.hooks_dir.resolve() == repository.common_dir / "hooks"
    assert b"+linked\n" in staged(linked)
    assert staged(two) == b""


@pytest.mark.parametrize("value", [None, "hooks-here", "~/hooks", "absolute"])
def test_hooks_dir(two: Repo, home: Path, tmp_path: Path, value: str | None) -> None:
    expected = two.root.resolve() / ".git" / "hooks"
    if value is not None:
        expected = {"hooks-here": two.root.resolve() / value, "~/hooks": home / "hooks", "absolute": tmp_path / "h"}[
            value
        ]
        two.git("config", "core.hooksPath", str(tmp_path / "h") if value == "absolute" else value)
    assert Repository.discover(two.root / "sub").hooks_dir == expected


# ---- listings


def test_paths_of_each_target(two: Repo) -> None:
    two.stage({"a.txt": "3\n", "sub/c d.txt": "c\n"})
    two.write({"untracked.txt": "x\n"})
    repository = Repository.discover(two.root)
    for revision, staged in ((None, True), (None, False)):
        assert repository.paths(repository.target(revision, staged=staged)) == ["a.txt", "sub/b.txt", "sub/c d.txt"]
    for revision in ("HEAD", "HEAD~..HEAD", "HEAD~"):
        assert repository.paths(repository.target(revision, staged=False)) == ["a.txt", "sub/b.txt"]
    assert repository.paths(Target.of_patch("a patch")) == []


@POSIX
def test_paths_are_those_of_regular_files(repo: Repo) -> None:
    repo.commit("first", {"a\nb.txt": "a\n", b"\xff.txt".decode("utf-8", "surrogateescape"): "b\n"})
    (repo.root / "link").symlink_to("a.txt")
    repo.stage()
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{repo.head()},submodule")
    repo.git("update-index", "--chmod=+x", "a\nb.txt")
    repository = Repository.discover(repo.root)
    assert repository.paths(repository.target(None, staged=True)) == ["a\nb.txt", "\udcff.txt"]


def test_unmerged_files_are_left_out_of_a_listing(two: Repo) -> None:
    two.git("checkout", "-q", "-b", "other", "HEAD~")
    two.commit("other", {"a.txt": "other\n"})
    two.git("merge", "main", check=False)
    repository = Repository.discover(two.root)
    assert repository.paths(repository.target(None, staged=True)) == ["sub/b.txt"]


# ---- submodules and shallow clones


@pytest.fixture
def superproject(two: Repo, tmp_path: Path) -> Repo:
    """A repository with ``two`` as its submodule ``lib``."""
    outer = Repo.init(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(two.root), "lib")
    outer.commit("with a submodule")
    return outer


def test_submodule_commit_is_recorded_and_its_dirt_is_not(superproject: Repo) -> None:
    inner = Repo(superproject.root / "lib")
    inner.write({"a.txt": "dirty\n"})
    repository = Repository.discover(superproject.root)
    worktree = repository.target(None, staged=False)
    assert repository.patch(worktree) == b""
    inner.commit("inner", {"a.txt": "inner\n"})
    superproject.git("config", "-f", ".gitmodules", "submodule.lib.ignore", "all")
    superproject.git("config", "submodule.lib.ignore", "all")
    assert b"+Subproject commit " in repository.patch(worktree)
    superproject.git("add", "--force", "lib")
    assert repository.has_staged_changes()
    assert b"+Subproject commit " in staged(superproject)
    assert repository.content(repository.target(None, staged=True), "lib") is None
    assert repository.content(worktree, "lib") is None


def test_inside_a_submodule(superproject: Repo) -> None:
    inner = Repo(superproject.root / "lib")
    inner.stage({"a.txt": "inner\n"})
    repository = Repository.discover(inner.root)
    assert repository.root == inner.root.resolve()
    assert b"+inner\n" in staged(inner)


def test_shallow_clone(two: Repo, tmp_path: Path) -> None:
    two.git("branch", "old", "HEAD~1")
    two.commit("third", {"a.txt": "3\n"})
    two.git("clone", "-q", "--depth=1", "--no-single-branch", two.root.as_uri(), str(tmp_path / "shallow"))
    repository = Repository.discover(tmp_path / "shallow")
    for revision, message in {
        "HEAD": "the parent of commit .* is not in this clone",
        "HEAD~1..HEAD": "unknown revision HEAD~1",
        "origin/old...HEAD": "no commit in common",
    }.items():
        with pytest.raises(GitError, match=message) as caught:
            repository.target(revision, staged=True)
        assert "git fetch --unshallow" in str(caught.value.hint)


# ---- hooks


HOOK = """#!/bin/sh
exec "{python}" -c '
import os
from reviewer.git import Repository
r = Repository.discover()
t = r.target(None, staged=True)
out = open("{out}", "wb")
out.write(r.patch(t) + b"|" + (r.content(t, "a.txt") or b"-") + b"|" + str(r.has_staged_changes()).encode())
out.write(b"|" + os.environ.get("GIT_INDEX_FILE", "-").encode() + b"|" + str(r.root).encode())
'
"""


@pytest.fixture
def hooked(two: Repo, tmp_path: Path) -> tuple[Repo, Path]:
    """A repository whose pre-commit hook writes down what the library sees there."""
    out = tmp_path / "seen"
    hook = two.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(python=sys.executable, out=out))
    hook.chmod(0o755)
    return two, out


@POSIX
@pytest.mark.parametrize("arguments", [("-m", "x"), ("-a", "-m", "x"), ("-m", "x", "a.txt"), ("--amend", "-m", "x")])
@pytest.mark.parametrize("folder", [".", "sub"])
def test_hook_sees_what_this_commit_records(hooked: tuple[Repo, Path], arguments: tuple[str, ...], folder: str) -> None:
    repo, out = hooked
    if "-a" in arguments or "a.txt" in arguments:
        repo.write({"a.txt": "hook\n"})
        if "a.txt" in arguments:
            repo.stage({"other.txt": "not in this commit\n"})
    else:
        repo.stage({"a.txt": "hook\n"})
    arguments = tuple("../a.txt" if word == "a.txt" and folder == "sub" else word for word in arguments)
    repo.git("commit", "-q", *arguments, cwd=repo.root / folder)
    patch, content, changed, index, root = out.read_bytes().split(b"|")
    assert b"-2\n+hook\n" in patch
    assert b"other.txt" not in patch
    assert (content, changed, root) == (b"hook\n", b"True", os.fsencode(repo.root.resolve()))
    assert index != b"-"


@POSIX
def test_hook_in_a_linked_worktree(hooked: tuple[Repo, Path], tmp_path: Path) -> None:
    repo, out = hooked
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"), "-b", "linked")
    linked = Repo(tmp_path / "linked")
    linked.write({"a.txt": "linked\n"})
    linked.git("commit", "-q", "-a", "-m", "x")
    assert b"+linked\n" in out.read_bytes()
    assert out.read_bytes().endswith(b"|" + os.fsencode(linked.root.resolve()))


def test_relative_variables_of_a_hook(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    index = two.root / ".git" / "other-index"
    index.write_bytes((two.root / ".git" / "index").read_bytes())
    two.write({"a.txt": "elsewhere\n"})
    two.git("add", "a.txt", env={"GIT_INDEX_FILE": str(index)})
    monkeypatch.chdir(two.root)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/other-index")
    repository = Repository.discover()
    target = repository.target(None, staged=True)
    monkeypatch.chdir(two.root.parent)  # who found the repository may go on elsewhere
    assert b"+elsewhere\n" in repository.patch(target)
    assert repository.content(target, "a.txt") == b"elsewhere\n"
    assert repository.root == two.root.resolve()


def test_separate_git_dir_and_work_tree(two: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sub").mkdir(parents=True)
    monkeypatch.setenv("GIT_DIR", str(two.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(elsewhere))
    (elsewhere / "a.txt").write_text("elsewhere\n")
    repository = Repository.discover(elsewhere / "sub")
    assert repository.root == elsewhere.resolve()
    assert b"+elsewhere" in repository.patch(repository.target(None, staged=False))


# ---- patches from outside


def test_read_patch_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "x.patch").write_bytes(b"\xff\r\n")
    assert read_patch(str(tmp_path / "x.patch")) == b"\xff\r\n"


def test_read_patch_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\r\n")))
    assert read_patch("-") == b"\xff\r\n"


def test_read_patch_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the patch .*nope\.patch"):
        read_patch(str(tmp_path / "nope.patch"))


def test_attributes_are_those_of_the_new_side(repo: Repo) -> None:
    names, path = ("linguist-generated", "diff"), "g\u00e9n/a b.py"
    first = repo.commit("first", {path: "1\n", ".gitattributes": "*.py linguist-generated\n"})
    second = repo.commit("second", {path: "2\n", ".gitattributes": "*.py -linguist-generated -diff\n"})
    repo.stage({path: "3\n", ".gitattributes": "*.py linguist-generated=false\n"})
    index = (repo.root / ".git" / "index").read_bytes()
    repo.write({".gitattributes": "*.py diff=python\n"})
    repository = Repository.discover(repo.root)

    def asked(target: Target, revision: str | None = None) -> dict[str, dict[str, str]]:
        with repository.differences(target, attributes_from=revision) as found:
            return found[0].attributes(names, [path, "other.c"])

    staged_target = repository.target(None, staged=True)
    assert asked(staged_target) == {path: {"linguist-generated": "false"}}
    assert asked(repository.target(None, staged=False)) == {path: {"diff": "python"}}
    assert asked(repository.target(second, staged=True)) == {path: {"linguist-generated": "unset", "diff": "unset"}}
    assert asked(repository.target(second, staged=True), first) == {path: {"linguist-generated": "set"}}
    assert (repo.root / ".git" / "index").read_bytes() == index
