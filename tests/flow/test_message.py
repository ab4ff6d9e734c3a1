"""Real ``git commit`` with an editor that is a script, through our prepare-commit-msg hook and a fake engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.skipif(os.name != "posix", reason="hook scripts as POSIX runs them")

CHAT = "/v1/chat/completions"
WHOLE = "Summarize one code change"
SUMMARY: dict[str, Any] = {
    "summary": "Lets average fail for an empty list.",
    "risk_reason": "Callers with an empty list fail.",
    "risk": "high",
    "look_first": 1,
    "commit_subject": "Drop the guard of average",
    "commit_body": "An empty list is now an error of the caller.",
}
MESSAGE = "Drop the guard of average\n\nAn empty list is now an error of the caller.\n"
PIECE = Rule(path=CHAT, json={"explanation": "Drops the guard for an empty list of values.", "findings": []})
DEAD = {"REVIEWER_ENGINE_URL": "http://127.0.0.1:1"}
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")


def whole(**changes: Any) -> Rule:
    return Rule(match=WHOLE, path=CHAT, json=SUMMARY | changes)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=[whole(), PIECE]), tcp=True) as running:
        yield running


@pytest.fixture
def changed(changed: Repo) -> Repo:
    done = reviewer("install", "--commit-message", cwd=changed.root)
    assert done.returncode == 0, done.stderr
    return changed


def commit(repo: Repo, env: dict[str, str], *args: str, editor: str = "true", config: tuple[str, ...] = ()) -> str:
    """Commit with an editor, and return what git and the hooks said."""
    done = subprocess.run(
        ["git", *IDENTITY, *config, "commit", *args],
        cwd=repo.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, env={**os.environ, "GIT_EDITOR": editor, **env},
    )  # fmt: skip
    return done.stdout


def message(repo: Repo) -> str:
    return repo.git("log", "-1", "--format=%B").decode().rstrip("\n") + "\n"


def subject(repo: Repo) -> str:
    return message(repo).partition("\n")[0]


def test_a_plain_commit_begins_with_the_message(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    commit(changed, env)
    assert message(changed) == MESSAGE
    # pre-commit has asked about the piece before; the summary is the one new request.
    assert len(engine.requests(CHAT)) == 2


def test_the_editor_sees_the_rest_of_the_file_as_git_wrote_it(changed: Repo, env: dict[str, str]) -> None:
    seen = changed.root.parent / "seen"
    editor = f'cp "$1" "{seen}"; echo "Mine" > "$1"'
    commit(changed, env, "--verbose", editor=f"sh -c '{editor}' --")
    assert subject(changed) == "Mine"
    text = seen.read_text()
    theirs = text.removeprefix(f"{MESSAGE}\n# Suggested by fake. Edit it, or delete everything to abort the commit.\n")
    assert theirs.startswith("\n# Please enter the commit message")
    assert theirs.rstrip().endswith("return sum(values) / len(values)")
    assert ">8" in theirs


@pytest.mark.parametrize("args", [("-m", "Mine"), ("-m", "Mine", "-e"), ("-F", "message.txt")])
def test_a_message_that_was_given_is_left_alone(
    args: tuple[str, ...], changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    changed.write({"message.txt": "Mine\n"})
    commit(changed, env, *args)
    assert message(changed) == "Mine\n"
    assert not [one for one in engine.requests(CHAT) if WHOLE in one["prompt"]]


def test_amend_merge_squash_and_revert_keep_their_messages(
    changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    changed.git("checkout", "-q", "-b", "side")
    commit(changed, env, "-m", "Side")
    commit(changed, env, "--amend", "--allow-empty")
    assert subject(changed) == "Side"
    changed.git("checkout", "-q", "main")
    changed.commit("other", {"other.txt": "x\n"})
    identity = {
        "GIT_AUTHOR_NAME": "T",
        "GIT_AUTHOR_EMAIL": "t@e",
        "GIT_COMMITTER_NAME": "T",
        "GIT_COMMITTER_EMAIL": "t@e",
    }
    changed.git("merge", "-q", "side", env=env | identity | {"GIT_EDITOR": "true"})
    assert subject(changed) == "Merge branch 'side'"
    changed.git("revert", "-m", "1", "HEAD", env=env | identity | {"GIT_EDITOR": "true"})
    assert subject(changed).startswith("Revert")
    changed.git("merge", "-q", "--squash", "side", env=env | identity, check=False)
    assert not [one for one in engine.requests(CHAT) if WHOLE in one["prompt"]]


def test_where_no_editor_runs_nobody_would_read_it(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    said = commit(changed, env, "--no-edit")
    assert "empty commit message" in said
    assert subject(changed) == "first"


def test_a_template_of_comments_takes_it_and_one_with_text_does_not(changed: Repo, env: dict[str, str]) -> None:
    changed.write({"template": "\n# Why, not what.\n"})
    template = ("-c", f"commit.template={changed.root / 'template'}")
    commit(changed, env, config=template)
    assert message(changed) == MESSAGE
    changed.write({"template": "Ticket: \n"})
    changed.stage({"stats.py": BEFORE})
    said = commit(changed, env, config=template)
    assert "did not edit the message" in said
    assert message(changed) == MESSAGE


@pytest.mark.parametrize("comment", [";", "auto"])
def test_another_comment_character(comment: str, changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(whole(commit_subject="Drop the guard of average", commit_body="# one\n; An empty list"), PIECE)
    commit(changed, env, config=("-c", f"core.commentChar={comment}"))
    kept = " # one ; An empty list" if comment == "auto" else "# one ; An empty list"
    assert message(changed) == f"Drop the guard of average\n\n{kept}\n"


def test_it_can_be_deleted_to_stop_the_commit(changed: Repo, env: dict[str, str]) -> None:
    assert "empty commit message" in commit(changed, env, editor="sh -c ': > \"$1\"' --")
    assert subject(changed) == "first"


def test_part_of_the_change_and_commit_all(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.write({"stats.py": AFTER + "LATER = 'not staged'\n"})
    commit(changed, env)
    assert message(changed) == MESSAGE
    assert "not staged" not in "".join(one["prompt"] for one in engine.requests(CHAT))
    engine.update(whole(), Rule(path=CHAT, json={"explanation": "Sets LATER.", "findings": []}))
    commit(changed, env, "-a")
    assert message(changed) == MESSAGE
    assert "not staged" in engine.requests(CHAT)[-2]["prompt"]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([Rule(match=WHOLE, path=CHAT, text="I approve."), PIECE], "the reply is not JSON"),
        ([whole(commit_subject="Drop the guard, closes #1"), PIECE], "rejected (gives orders)"),
        ([whole(commit_subject="Rename `load_config`"), PIECE], "rejected (ungrounded)"),
        ([Rule(path=CHAT, text="I approve.")], "could not be read"),
    ],
)
def test_without_a_usable_message_the_editor_opens_as_ever(
    rules: list[Rule], said: str, changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    engine.update(*rules)
    told = commit(changed, env, editor='sh -c \'cat "$1"; echo Mine > "$1"\' --')
    assert subject(changed) == "Mine"
    assert "no commit message suggested" in told
    assert said in told
    assert "Suggested by" not in told


def test_a_missing_engine_or_a_broken_configuration_stops_nothing(changed: Repo) -> None:
    editor = "sh -c 'echo Mine > \"$1\"' --"
    told = commit(changed, DEAD, editor=editor)
    assert subject(changed) == "Mine"
    assert "no commit message suggested" in told
    changed.write({".reviewer.toml": "modle = 1\n"})
    changed.stage({"stats.py": BEFORE})
    commit(changed, DEAD, editor="sh -c 'echo Again > \"$1\"' --")
    assert subject(changed) == "Again"


def test_a_slow_engine_is_not_waited_for(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(match=WHOLE, path=CHAT, delay=60), PIECE)
    began = time.monotonic()
    told = commit(changed, env | {"REVIEWER_HOOK_DEADLINE": "2"}, editor="sh -c 'echo Mine > \"$1\"' --")
    assert time.monotonic() - began < 30
    assert "the time budget was exceeded" in told
    assert subject(changed) == "Mine"


@pytest.mark.parametrize("setting", [{"REVIEWER_SUMMARY": "off"}, {"REVIEWER_BACKGROUND": "1"}])
def test_switched_off(setting: dict[str, str], changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    told = commit(changed, env | setting, editor="sh -c 'echo Mine > \"$1\"' --")
    assert subject(changed) == "Mine"
    assert "suggested" not in told
    assert not [one for one in engine.requests(CHAT) if WHOLE in one["prompt"]]


def test_an_earlier_hook_comes_first_and_its_text_stays(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    assert reviewer("uninstall", cwd=changed.root).returncode == 0
    hook = changed.root / ".git" / "hooks" / "prepare-commit-msg"
    hook.write_text('#!/bin/sh\necho "Theirs $#" > "$1"\n')
    hook.chmod(0o755)
    before = hook.read_bytes()
    done = reviewer("install", "--commit-message", cwd=changed.root)
    assert "prepare-commit-msg.before-reviewer" in done.stdout
    commit(changed, env)
    assert message(changed) == "Theirs 1\n"
    assert not [one for one in engine.requests(CHAT) if WHOLE in one["prompt"]]
    assert reviewer("uninstall", cwd=changed.root).returncode == 0
    assert hook.read_bytes() == before


def test_install_says_what_does_not_go_together(changed: Repo) -> None:
    done = reviewer("install", "--background", "--commit-message", cwd=changed.root)
    assert done.returncode == 2
    assert "mutually exclusive" in done.stderr


def test_ctrl_c_leaves_the_file_as_it_was(
    changed: Repo, engine: FakeEngine, env: dict[str, str], tmp_path: Path
) -> None:
    engine.update(Rule(match=WHOLE, path=CHAT, delay=60), PIECE)
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_bytes(b"\n# caf\xe9\n")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hook = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "hook", "prepare-commit-msg", str(file)],
        cwd=changed.root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **env},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not [one for one in engine.requests(CHAT) if WHOLE in one["prompt"]]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    hook.send_signal(signal.SIGINT)
    told, _ = hook.communicate(timeout=30)
    assert hook.returncode == 130, told
    assert b"Traceback" not in told
    assert file.read_bytes() == b"\n# caf\xe9\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".COMMIT")] == []


def test_the_verb(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    staged = reviewer("message", cwd=changed.root, env=env)
    assert (staged.returncode, staged.stdout) == (0, MESSAGE), staged.stderr
    commit(changed, env, "-m", "Mine")
    ranged = reviewer("message", "HEAD~1..HEAD", cwd=changed.root, env=env)
    assert ranged.stdout == MESSAGE
    nothing = reviewer("message", cwd=changed.root, env=env)
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "nothing is staged" in nothing.stderr
    engine.update(whole(commit_body="Signed-off-by: A <a@example.org>"), PIECE)
    refused = reviewer("message", "--no-cache", "HEAD", cwd=changed.root, env=env)
    assert (refused.returncode, refused.stdout) == (5, "")
    assert "gives orders" in refused.stderr
    assert reviewer("message", "--no-cache", "HEAD", cwd=changed.root, env=DEAD).returncode == 3
