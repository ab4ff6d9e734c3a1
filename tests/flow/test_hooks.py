"""Real ``git commit`` and ``git push`` through our native hooks, with a fake engine as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import reviewer_anew as reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="hook scripts as POSIX runs them")

DEAD = {"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}


def reply(severity: str) -> dict[str, Any]:
    message = "ZeroDivisionError when values is empty"
    found = {"line": 2, "severity": severity, "category": "bug", "message": message, "fix": BEFORE.splitlines()[1]}
    return {"explanation": "Drops the guard for an empty list.", "findings": [found]}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=[Rule(match="def average", json=reply("error"))]), tcp=True) as running:
        yield running


def commit(repo: Repo, env: dict[str, str], *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
    return subprocess.run(
        ["git", *identity, "commit", "-m", "second", *args],
        cwd=cwd or repo.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


def install(repo: Repo, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = reviewer("install", *args, cwd=cwd or repo.root)
    assert done.returncode == 0, done.stderr
    return done


def committed(repo: Repo, path: str = "stats.py") -> str:
    return repo.git("show", f"HEAD:{path}").decode()


def prompts(engine: FakeEngine) -> str:
    return "\n".join(request["prompt"] for request in engine.requests("/v1/chat/completions"))


def test_a_partially_staged_commit_is_reviewed_as_recorded(
    changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    changed.write({"stats.py": AFTER + "\n\ndef later():\n    return 'not staged'\n"})
    install(changed)
    done = commit(changed, env)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr  # git sends what a hook says to its own standard error
    assert committed(changed) == AFTER
    assert "not staged" not in prompts(engine)
    assert "not staged" in (changed.root / "stats.py").read_text()


def test_commit_all_is_reviewed_from_its_own_index(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.git("reset", "-q")
    install(changed)
    done = commit(changed, env, "-a")
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr


def test_a_strict_hook_stops_an_error_and_nothing_less(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    install(changed, "--strict")
    stopped = commit(changed, env)
    assert stopped.returncode == 1
    assert "ZeroDivisionError" in stopped.stderr
    assert committed(changed) == BEFORE
    engine.update(Rule(match="def average", json=reply("warning")))
    assert commit(changed, env | {"REVIEWER_CACHE": "0"}).returncode == 0


def test_what_is_not_read_stops_only_who_requires_it(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(text="I would rather not."))
    assert reviewer("hook", "pre-commit", "--fail-on", "error", cwd=changed.root, env=env).returncode == 0
    assert reviewer("hook", "pre-commit", "--require", cwd=changed.root, env=env).returncode == 5


@pytest.mark.parametrize("options", [(), ("--strict",)])
def test_a_missing_engine_takes_one_line_and_stops_nothing(options: tuple[str, ...], changed: Repo) -> None:
    install(changed, *options)
    began = time.monotonic()
    done = commit(changed, DEAD)
    assert time.monotonic() - began < 100
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("reviewer: ")
    assert line.endswith("continuing without a review")


def test_a_required_engine_stops_the_commit(changed: Repo) -> None:
    install(changed, "--require")
    assert commit(changed, DEAD).returncode == 1  # git's own code for a hook that failed
    assert committed(changed) == BEFORE
    assert reviewer("hook", "pre-commit", "--require", cwd=changed.root, env=DEAD).returncode == 3
    required = reviewer("hook", "pre-commit", cwd=changed.root, env=DEAD | {"REVIEWER_REQUIRE": "1"})
    assert required.returncode == 3


def test_a_slow_engine_is_not_waited_for(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(match="def average", json=reply("error"), delay=300))
    install(changed)
    began = time.monotonic()
    done = commit(changed, env | {"REVIEWER_HOOK_DEADLINE": "1"})
    assert time.monotonic() - began < 150
    assert done.returncode == 0
    assert "not read" in done.stderr


@pytest.mark.parametrize(("args", "code"), [((), 0), (("--fail-on", "error"), 2), (("--require",), 2)])
def test_a_broken_configuration_stops_only_a_gate(args: tuple[str, ...], code: int, changed: Repo) -> None:
    changed.write({".reviewer.toml": "modle = 1\n"})
    done = reviewer("hook", "pre-commit", *args, cwd=changed.root)
    assert done.returncode == code
    assert "did you mean 'model'?" in done.stderr


def test_an_existing_hook_is_chained_and_restored(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    hook = changed.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho theirs\nexit ${THEIRS:-0}\n")
    hook.chmod(0o755)
    before = hook.read_bytes()
    assert "pre-commit.before-reviewer" in install(changed).stdout
    stopped = commit(changed, env | {"THEIRS": "3"})
    assert stopped.returncode == 1
    assert not engine.requests("/v1/chat/completions")
    done = commit(changed, env)
    assert done.returncode == 0
    assert done.stderr.index("theirs") < done.stderr.index("ZeroDivisionError")
    assert reviewer("uninstall", cwd=changed.root).returncode == 0
    assert hook.read_bytes() == before
    assert not hook.with_name("pre-commit.before-reviewer").exists()


def test_hooks_path_of_this_repository(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.git("config", "core.hooksPath", "tools/hooks")
    install(changed)
    assert (changed.root / "tools" / "hooks" / "pre-commit").exists()
    assert "ZeroDivisionError" in commit(changed, env).stderr


def test_hooks_path_of_many_repositories_needs_a_yes(changed: Repo, home: Path) -> None:
    changed.git("config", "--global", "core.hooksPath", str(home / "hooks"))
    refused = reviewer("install", cwd=changed.root)
    assert refused.returncode == 2
    assert str(home / "hooks") in refused.stderr
    assert "--yes" in refused.stderr
    assert not (home / "hooks").exists()
    install(changed, "--yes")
    assert (home / "hooks" / "pre-commit").exists()
    assert reviewer("uninstall", cwd=changed.root).returncode == 0
    assert not (home / "hooks" / "pre-commit").exists()


def test_a_worktree_shares_the_hooks(changed: Repo, engine: FakeEngine, env: dict[str, str], tmp_path: Path) -> None:
    changed.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Repo(tmp_path / "side")
    install(side)
    assert (changed.root / ".git" / "hooks" / "pre-commit").exists()
    side.stage({"stats.py": AFTER})
    assert "ZeroDivisionError" in commit(side, env).stderr
    # from a folder below, too, and in the main working tree
    assert "ZeroDivisionError" in commit(changed, env).stderr


def test_the_first_commit_of_a_repository(repo: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    repo.stage({"stats.py": AFTER})
    install(repo)
    done = commit(repo, env)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr


def test_a_commit_from_a_folder_below(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    (changed.root / "deep" / "er").mkdir(parents=True)
    install(changed)
    assert "ZeroDivisionError" in commit(changed, env, cwd=changed.root / "deep" / "er").stderr


def test_code_of_the_repository_is_not_imported(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    trap = "raise SystemExit('imported from the repository')\n"
    changed.write({"reviewer/__init__.py": trap, "click.py": trap, "json.py": trap, "sitecustomize.py": trap})
    install(changed)
    done = commit(changed, env)
    assert "imported from" not in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_nothing_staged_is_silent_and_cheap(changed: Repo) -> None:
    changed.commit("second")
    changed.write({"stats.py": BEFORE})
    done = reviewer("hook", "pre-commit", cwd=changed.root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    ours = _cpu([sys.executable, "-P", "-m", "reviewer", "hook", "pre-commit"], changed.root)
    theirs = _cpu([sys.executable, "-c", "import git, unidiff, jinja2"], changed.root)
    assert ours <= 1.5 * theirs


def _cpu(argv: list[str], cwd: Path) -> float:
    """User and system seconds of the best of three runs, children's children included."""
    import resource

    best = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, cwd=cwd, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(best)


@pytest.fixture
def pushing(changed: Repo, tmp_path: Path) -> Repo:
    """A repository whose remote has the first commit; ``AFTER`` is committed, and something else is staged."""
    Repo.init(tmp_path / "remote.git", "--bare")
    changed.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    changed.git("push", "-q", "origin", "HEAD:main")
    changed.commit("second")
    changed.stage({"stats.py": AFTER + "STAGED = 'only staged'\n"})
    return changed


def push(repo: Repo, env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "push", "-q", "origin", *args],
        cwd=repo.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


def test_a_push_reviews_what_is_pushed_and_never_the_index(
    pushing: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    hook = pushing.root / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\necho "theirs: $(cat)"\n')
    hook.chmod(0o755)
    install(pushing, "--hook", "pre-push")
    done = push(pushing, env, "main")
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert "theirs: refs/heads/main" in shown
    assert "ZeroDivisionError" in shown
    assert "only staged" not in prompts(engine)


def test_a_strict_push_is_stopped_and_a_deletion_is_not(pushing: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    pushing.git("push", "-q", "origin", "HEAD~1:refs/heads/old")
    install(pushing, "--hook", "pre-push", "--strict")
    assert push(pushing, env, "HEAD:refs/heads/new").returncode == 1
    assert not pushing.git("ls-remote", "origin", "refs/heads/new")
    asked = len(engine.requests("/v1/chat/completions"))
    assert push(pushing, env, ":old").returncode == 0
    assert len(engine.requests("/v1/chat/completions")) == asked


def test_a_missing_engine_stops_no_push(pushing: Repo) -> None:
    install(pushing, "--hook", "pre-push")
    done = push(pushing, DEAD, "main")
    assert done.returncode == 0
    assert "continuing without a review" in done.stderr


def test_install_twice_and_uninstall_leave_no_trace(changed: Repo) -> None:
    hooks = changed.root / ".git" / "hooks"
    before = sorted(hooks.iterdir()) if hooks.exists() else []
    both = ("--hook", "pre-commit", "--hook", "pre-push")
    assert install(changed, *both).stdout == install(changed, *both).stdout
    assert {path.name for path in hooks.iterdir()} >= {"pre-commit", "pre-push"}
    done = reviewer("uninstall", cwd=changed.root)
    assert done.stdout.count("removed") == 2
    assert sorted(hooks.iterdir()) == before
    assert reviewer("uninstall", cwd=changed.root).stdout == ""


FRAMEWORK = {"PRE_COMMIT": "1"}


def test_names_from_pre_commit_restrict_a_commit(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.stage({"other.py": "def other():\n    return 1\n"})
    done = reviewer("hook", "pre-commit", "other.py", cwd=changed.root, env=env | FRAMEWORK)
    assert "1 hunk in 1 file" in done.stdout
    assert "def other" in prompts(engine)
    assert "def average" not in prompts(engine)


def test_names_without_pre_commit_say_nothing(changed: Repo, env: dict[str, str]) -> None:
    changed.stage({"other.py": "x = 1\n"})
    done = reviewer("hook", "pre-commit", "other.py", cwd=changed.root, env=env)
    assert "in 2 files" in done.stdout


def test_unchanged_names_from_pre_commit_are_reviewed_whole(changed: Repo, env: dict[str, str]) -> None:
    changed.commit("second", {"other.py": "x = 1\n"})
    done = reviewer("hook", "pre-commit", "--background", "stats.py", cwd=changed.root, env=env | FRAMEWORK)
    assert "ZeroDivisionError" in done.stdout
    assert "in 1 file" in done.stdout


def test_what_cannot_be_reviewed_for_pre_commit_fails(changed: Repo, env: dict[str, str]) -> None:
    changed.commit("second", {"other.py": "x = 1\n"})
    changed.write({"new.py": "x = 1\n"})
    many = reviewer("hook", "pre-commit", "--max-files=1", "stats.py", "other.py", cwd=changed.root, env=FRAMEWORK)
    assert many.returncode == 2
    assert "the limit is 1" in many.stderr
    unknown = reviewer("hook", "pre-commit", "new.py", cwd=changed.root, env=FRAMEWORK)
    assert unknown.returncode == 2
    assert "does not track new.py" in unknown.stderr


def test_a_range_from_pre_commit_is_reviewed(changed: Repo, env: dict[str, str]) -> None:
    base, head = changed.head(), changed.commit("second")
    variables = env | FRAMEWORK | {"PRE_COMMIT_FROM_REF": base, "PRE_COMMIT_TO_REF": head}
    done = reviewer("hook", "pre-commit", "--fail-on", "error", "stats.py", cwd=changed.root, env=variables)
    assert done.returncode == 1, done.stderr
    assert "ZeroDivisionError" in done.stdout


def test_a_hook_says_what_it_looked_at_when_asked(changed: Repo) -> None:
    changed.commit("second")
    quiet = reviewer("hook", "pre-commit", cwd=changed.root)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    done = reviewer("hook", "pre-commit", "-v", cwd=changed.root)
    assert done.stderr == "reviewer: nothing to review: no staged changes\n"


@pytest.mark.parametrize("option", ["-q", "--quiet", "-qm", None])
def test_git_commit_quiet_quiets_a_clean_review(
    option: str | None, changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    engine.update(Rule(match="def average", json={"explanation": "Drops the guard.", "findings": []}))
    install(changed)
    done = commit(changed, env, *([option] if option else []), *(["third"] if option == "-qm" else []))
    assert done.returncode == 0
    assert (done.stderr == "") == (option is not None), done.stderr


def test_git_commit_quiet_shows_findings(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    install(changed)
    assert "ZeroDivisionError" in commit(changed, env, "-q").stderr


def test_a_merge_reviews_what_both_sides_changed(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    install(changed, "--hook", "pre-merge-commit")
    long = "".join(f"LINE_{number} = {number}\n" for number in range(40))
    changed.commit("base", {"shared.py": long, "stats.py": BEFORE})
    changed.git("checkout", "-q", "-b", "topic")
    changed.commit("topic", {"shared.py": long + "def topic():\n    return 1\n", "topic.py": "TOPIC = 1\n"})
    changed.git("checkout", "-q", "main")
    changed.commit("main", {"shared.py": "def main():\n    return 2\n" + long, "stats.py": AFTER})
    changed.git("merge", "-q", "--no-edit", "topic", env=env)
    asked = prompts(engine)
    assert "def topic" in asked
    assert "TOPIC = 1" not in asked
    assert "def average" not in asked


def test_a_gate_stays_until_it_is_dropped(changed: Repo) -> None:
    hook = changed.root / ".git" / "hooks" / "pre-commit"
    install(changed, "--strict", "--require")
    assert "with --fail-on error --require" in install(changed).stdout
    install(changed, "--commit-message")
    assert "hook pre-commit --fail-on error --require" in hook.read_text()
    dropped = install(changed, "--no-strict").stdout
    assert "pre-commit: no longer with --fail-on error" in dropped
    assert "hook pre-commit --require " in hook.read_text()
    assert "pre-commit: no longer with --require" in install(changed, "--background").stdout
    assert "pre-commit: no longer with --background" in install(changed).stdout


def test_uninstall_removes_every_hook_or_those_named(changed: Repo) -> None:
    hooks = changed.root / ".git" / "hooks"
    install(changed, "--background")
    install(changed, "--hook", "pre-push", "--hook", "pre-merge-commit", "--hook", "prepare-commit-msg")
    assert reviewer("uninstall", "--hook", "post-commit", cwd=changed.root).stdout.startswith("post-commit: removed")
    assert reviewer("uninstall", cwd=changed.root).stdout.count("removed") == 4
    assert not any((hooks / name).exists() for name in ("pre-commit", "pre-push", "pre-merge-commit", "post-commit"))
    assert "no hooks are installed" in reviewer("uninstall", cwd=changed.root).stderr
