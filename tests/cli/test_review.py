from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.errors import ExitCode
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def answer(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"explanation": "Drops the guard for an empty list.", "findings": list(findings)}


def finding(severity: str) -> dict[str, Any]:
    message = "ZeroDivisionError when values is empty"
    return {"line": 2, "severity": severity, "category": "bug", "message": message, "fix": BEFORE.splitlines()[1]}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=[Rule(match="def average", json=answer(finding("error")))]), tcp=True) as running:
        yield running


@pytest.mark.parametrize(
    ("found", "args", "code"),
    [
        ("error", [], 0),
        ("error", ["--fail-on", "never"], 0),
        ("error", ["--fail-on", "error"], 1),
        ("warning", ["--fail-on", "error"], 0),
        ("warning", ["--fail-on", "warning"], 1),
        ("info", ["--fail-on", "info"], 1),
        (None, ["--fail-on", "info", "--require"], 0),
        ("unusable", [], 0),
        ("unusable", ["--fail-on", "error"], 5),
        ("unusable", ["--require"], 5),
    ],
)
def test_exit_codes(found: str | None, args: list[str], code: int, changed: Repo, engine: FakeEngine) -> None:
    if found == "unusable":
        engine.update(Rule(text="I would rather not."))
    else:
        engine.update(Rule(match="def average", json=answer(*([finding(found)] if found else []))))
    done = reviewer("review", *args, cwd=changed.root, env={"REVIEWER_ENGINE_URL": engine.endpoint.url})
    assert done.returncode == code, done.stderr
    assert "stats.py" in done.stdout or found is None


def test_staged_content_is_reviewed_and_not_the_working_tree(
    changed: Repo, engine: FakeEngine, env: dict[str, str]
) -> None:
    changed.write({"stats.py": AFTER + "\n\ndef later():\n    return 'not staged'\n"})
    done = reviewer("review", cwd=changed.root, env=env)
    assert "ZeroDivisionError" in done.stdout
    prompts = [request["prompt"] for request in engine.requests("/v1/chat/completions")]
    assert prompts
    assert not any("not staged" in prompt for prompt in prompts)
    done = reviewer("review", "--worktree", "--no-cache", cwd=changed.root, env=env)
    assert "not staged" in engine.requests("/v1/chat/completions")[-1]["prompt"]


@pytest.mark.parametrize("how", ["commit", "range", "stdin", "file"])
def test_ways_to_name_a_change(
    how: str, changed: Repo, engine: FakeEngine, tmp_path: Path, env: dict[str, str]
) -> None:
    changed.commit("second")
    patch = changed.git("diff", "HEAD~1", "HEAD")
    (tmp_path / "change.patch").write_bytes(patch)
    args, data = {
        "commit": (["HEAD"], b""),
        "range": (["HEAD~1..HEAD"], b""),
        "stdin": (["-"], patch),
        "file": (["--patch", str(tmp_path / "change.patch")], b""),
    }[how]
    done = reviewer("review", "--format", "json", *args, cwd=changed.root, data=data, env=env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert "ZeroDivisionError" in json.dumps(report)


def test_a_patch_needs_no_repository(changed: Repo, engine: FakeEngine, tmp_path: Path, env: dict[str, str]) -> None:
    patch = changed.git("diff", "--cached")
    outside = tmp_path / "outside"
    outside.mkdir()
    done = reviewer("review", "-", cwd=outside, data=patch, env=env)
    assert done.returncode == 0, done.stderr
    assert "ZeroDivisionError" in done.stdout


def test_the_output_file_is_written_whole(
    changed: Repo, engine: FakeEngine, tmp_path: Path, env: dict[str, str]
) -> None:
    target = tmp_path / "reports" / "review.md"
    args = ("review", "--format", "markdown", "--output", str(target))
    done = reviewer(*args, cwd=changed.root, env=env)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    first = target.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in first
    done = reviewer(*args, "--url", "http://127.0.0.1:1", "--no-cache", cwd=changed.root)
    assert done.returncode == ExitCode.ENGINE
    assert target.read_text(encoding="utf-8") == first
    assert [path.name for path in target.parent.iterdir()] == ["review.md"]


@pytest.mark.skipif(os.name != "posix", reason="devices of POSIX")
def test_the_output_may_be_a_device(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    done = reviewer("review", "--format", "json", "--output", "/dev/stdout", cwd=changed.root, env=env)
    assert json.loads(done.stdout)


def test_nothing_staged_says_what_to_do(repo: Repo) -> None:
    repo.commit("first", {"a.py": "x = 1\n"})
    done = reviewer("review", cwd=repo.root)
    assert done.returncode == ExitCode.USAGE
    assert "nothing is staged" in done.stderr
    assert "reviewer review HEAD" in done.stderr
    assert reviewer("review", "--staged", cwd=repo.root).returncode == 0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["nonsense"], 2, "unknown revision nonsense"),
        (["stats.py"], 2, "reviewer review --patch stats.py"),
        (["HEAD", "--staged"], 2, "mutually exclusive"),
        (["--patch", "missing.patch"], 2, "missing.patch"),
        (["--timeout", "0"], 2, "--timeout must be a number above 0"),
        (["--url", "http://127.0.0.1:1"], 3, "127.0.0.1:1"),
        ([], 3, "--embedded"),
    ],
)
def test_what_cannot_be_done_is_said(args: list[str], code: int, said: str, changed: Repo) -> None:
    done = reviewer("review", *args, cwd=changed.root)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_outside_a_repository(tmp_path: Path) -> None:
    done = reviewer("review", cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert "not inside a git repository" in done.stderr


def test_a_cached_review_needs_no_engine(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    first = reviewer("review", cwd=changed.root, env=env)
    asked = len(engine.requests("/v1/chat/completions"))
    again = reviewer("review", cwd=changed.root, env=env)
    assert len(engine.requests("/v1/chat/completions")) == asked
    assert "ZeroDivisionError" in first.stdout
    assert "ZeroDivisionError" in again.stdout


def test_settings_of_the_repository_count(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.write({".reviewer.toml": 'fail_on = "error"\n'})
    assert reviewer("review", cwd=changed.root, env=env).returncode == ExitCode.FINDINGS
    changed.write({".reviewer.toml": 'exclude = ["stats.py"]\n'})
    asked = len(engine.requests("/v1/chat/completions"))
    reviewer("review", "--no-cache", cwd=changed.root, env=env)
    assert len(engine.requests("/v1/chat/completions")) == asked
    changed.write({".reviewer.toml": '[engine]\nurl = "http://evil"\n'})
    refused = reviewer("review", cwd=changed.root)
    assert refused.returncode == ExitCode.USAGE
    assert "may not be set by a repository" in refused.stderr


def test_what_nobody_wrote_is_listed_and_not_read(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.stage(
        {
            "yarn.lock": "a\n",
            "made.py": AFTER,
            "pic.svg": "<a/>\n",
            ".gitattributes": "made.py linguist-generated\npic.svg -diff\n",
        }
    )
    changed.write({".gitattributes": ""})
    report = json.loads(reviewer("review", "--format", "json", cwd=changed.root, env=env).stdout)
    assert {one["path"]: one["reason"] for one in report["skimmed"]} == {
        "made.py": "generated, by .gitattributes",
        "pic.svg": "excluded by .gitattributes (-diff)",
        "yarn.lock": "lock file",
    }
    assert {unit["path"] for unit in report["units"]} == {".gitattributes", "stats.py"}
    done = reviewer("review", "--format", "json", cwd=changed.root, env=env | {"REVIEWER_SKIP_GENERATED": "no"})
    # What git itself calls binary stays unread.
    assert [(one["path"], one["reason"]) for one in json.loads(done.stdout)["skimmed"]] == [("pic.svg", "binary")]


def test_thresholds_of_the_settings_count(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(
        Rule(
            match="def average",
            json=answer(
                finding("warning"),
                finding("error")
                | {"category": "performance", "message": "Dividing by len(values) fails when it is 0."},
            ),
        )
    )
    for variable, value, mark in (
        ("MIN_SEVERITY", "error", "below-severity"),
        ("MAX_FINDINGS_PER_FILE", "1", "over-limit"),
    ):
        done = reviewer("review", "--format", "json", cwd=changed.root, env=env | {f"REVIEWER_{variable}": value})
        found = json.loads(done.stdout)["findings"]
        assert [(one["severity"], one["shown"]) for one in found] == [("error", True), ("warning", False)], done.stderr
        assert mark in found[1]["marks"]


def test_templates_of_the_repository_count(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    changed.write({".reviewer/prompts/review/python.j2": "House rule: mind the empty list.\n"})
    done = reviewer("review", cwd=changed.root, env=env)
    assert done.returncode == 0, done.stderr
    assert "House rule" in engine.requests("/v1/chat/completions")[-1]["prompt"]
    changed.write({".reviewer/prompts/review/python.j2": "{{ nonsense }}\n"})
    done = reviewer("review", cwd=changed.root, env=env)
    assert done.returncode == ExitCode.USAGE
    assert "review/python.j2:1" in done.stderr


def test_explain_and_complete(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    engine.update(Rule(match="Why", text="Because the list may be empty."), Rule(match="def average", text="Averages."))
    assert reviewer("explain", "stats.py", cwd=changed.root, env=env).stdout == "Averages.\n"
    asked = reviewer("explain", "stats.py:1-2", "--question", "Why?", cwd=changed.root, env=env)
    assert asked.stdout == "Because the list may be empty.\n", asked.stderr
    engine.update(Rule(text="```python\n    return 0\n```"))
    done = reviewer("complete", "stats.py:1", cwd=changed.root, env=env)
    assert "return 0" in done.stdout, done.stderr
    assert "```" not in done.stdout
    for args in (
        ("explain", "none.py"),
        ("explain", "stats.py:9"),
        ("complete", "stats.py"),
        ("complete", "stats.py:9"),
    ):
        assert reviewer(*args, cwd=changed.root, env=env).returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("args", "paths"),
    [
        (["--", "stats.py"], ["stats.py"]),
        (["--", "lib"], ["lib/a.py", "lib/b.txt"]),
        (["--", "*.py"], ["lib/a.py", "stats.py"]),
        (["--", "lib", ":(exclude)*.txt"], ["lib/a.py"]),
        (["--staged", "--", "lib/a.py", "stats.py"], ["lib/a.py", "stats.py"]),
        (["HEAD", "--", "first.py"], ["first.py"]),
        (["--worktree", "--", "stats.py"], ["stats.py"]),
    ],
)
def test_paths_restrict_the_review(args: list[str], paths: list[str], changed: Repo) -> None:
    changed.git("reset", "-q")
    changed.commit("more", {"first.py": "x = 1\n", "second.py": "y = 1\n"})
    files: dict[str, str | bytes] = {"stats.py": AFTER, "lib/a.py": "a = 1\n", "lib/b.txt": "b\n"}
    changed.stage(files)
    if "--worktree" in args:
        changed.write({"stats.py": BEFORE, "lib/a.py": "a = 2\n"})
    done = reviewer("review", "--no-model", "--format", "json", *args, cwd=changed.root)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert sorted({unit["path"] for unit in report["units"]} | {one["path"] for one in report["skimmed"]}) == paths


def test_paths_are_relative_to_the_current_folder(changed: Repo) -> None:
    changed.stage({"lib/a.py": "a = 1\n"})
    done = reviewer("review", "--no-model", "--", ".", cwd=changed.root / "lib")
    assert "1 hunk in 1 file" in done.stdout
    nothing = reviewer("review", "--no-model", "--", "other.py", cwd=changed.root)
    assert nothing.returncode == 2
    assert "no file of staged changes matches other.py" in nothing.stderr
    assert reviewer("review", "-", "--", "a", cwd=changed.root, data=b"").returncode == 2


def test_quiet_prints_only_findings(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    assert "ZeroDivisionError" in reviewer("review", "-q", cwd=changed.root, env=env).stdout
    engine.update(Rule(match="def average", json=answer()))
    done = reviewer("review", "-q", "--no-cache", cwd=changed.root, env=env)
    assert (done.returncode, done.stdout) == (0, "")


def test_explanations_and_colour_can_be_chosen(changed: Repo, engine: FakeEngine, env: dict[str, str]) -> None:
    said = {"explanation": "Drops the guard of average for values that are empty."}
    engine.update(Rule(match="def average", json=answer(finding("error")) | said))
    shown = reviewer("review", "--color=always", cwd=changed.root, env=env | {"NO_COLOR": "1"}).stdout
    assert "Drops the guard" in shown
    assert "\x1b[" in shown
    plain = reviewer(
        "review", "--no-explanations", "--color", "never", cwd=changed.root, env=env | {"FORCE_COLOR": "1"}
    )
    assert "Drops the guard" not in plain.stdout
    assert "ZeroDivisionError" in plain.stdout
    assert "\x1b[" not in plain.stdout
