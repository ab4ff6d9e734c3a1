"""Reviews that rest on evidence: through the command line, with real ruff, with and without an engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.errors import ExitCode
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.repo import Repo

BEFORE = "from formats import parse\n\n\ndef load(path):\n    with open(path) as file:\n        return parse(file)\n"
AFTER = """\
from formats import parse


def load(path):
    try:
        with open(path) as file:
            return parse(file)
    except:
        return None
"""
NO_ENGINE = {"REVIEWER_ENGINE_URL": "http://127.0.0.1:9"}
FIX = "It also hides a keyboard interrupt while `load` reads the file."


def reply(last: str) -> str:
    body = "\n".join(AFTER.split("\n")[3:7])
    return f"{FIX}\n```python\n{body}\n{last}\n        return None\n```\n"


@pytest.fixture
def changed(repo: Repo) -> Repo:
    repo.commit("first", {"load.py": BEFORE})
    repo.stage({"load.py": AFTER})
    repo.write({"load.py": "what is not staged is not reviewed\n"})
    return repo


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    explained = Rule(match="explain one change", text="Returns None where `load` fails.")
    silenced = Rule(match="fix one defect", text=reply("    except:  # noqa: E722"), times=1)
    mended = Rule(match="fix one defect", text=reply("    except (OSError, ValueError):"))
    with FakeEngine(Script(rules=[explained, silenced, mended]), tcp=True) as running:
        yield running


def report(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_without_a_model_the_evidence_stands_alone(changed: Repo) -> None:
    done = reviewer("review", "--no-model", "--format", "json", cwd=changed.root, env=NO_ENGINE)
    assert done.returncode == ExitCode.PASSED, done.stderr
    (found,) = report(done)["findings"]
    assert (found["path"], found["line"], found["shown"]) == ("load.py", 8, True)
    assert [(one["kind"], one["name"], one["rule"]) for one in found["sources"]] == [("tool", "ruff", "E722")]
    assert found["sources"][0]["url"].startswith("https://docs.astral.sh/ruff/")
    (unit,) = report(done)["units"]
    assert unit["status"] == "not asked"
    strict = reviewer("review", "--no-model", "--fail-on", "warning", cwd=changed.root, env=NO_ENGINE)
    assert strict.returncode == ExitCode.FINDINGS
    assert "1 hunk checked by rules and analyzers" in strict.stdout


def test_the_model_explains_the_evidence_and_its_proven_fix_is_shown(changed: Repo, engine: FakeEngine) -> None:
    env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, "REVIEWER_MODEL_FINDINGS": "auto"}
    done = reviewer("review", "--format", "json", cwd=changed.root, env=env)
    (found,) = report(done)["findings"]
    assert found["context"] == FIX
    assert found["suggestion"]["replacement"] == "    except (OSError, ValueError):", (
        "a comment that silences is no fix"
    )
    assert found["suggestion"]["proof"] == "ruff no longer reports E722; parses; only these lines change"
    (unit,) = report(done)["units"]
    assert unit["explanation"]["text"] == "Returns None where `load` fails."
    asked = [one["body"].get("response_format") for one in engine.requests("/v1/chat/completions")]
    assert "findings" not in json.dumps(asked)
    applied = reviewer("apply", found["id"], cwd=changed.root)
    assert applied.returncode != 0, "the working tree is not what was reviewed"
    changed.write({"load.py": AFTER})
    assert reviewer("apply", found["id"], cwd=changed.root).returncode == 0
    assert (changed.root / "load.py").read_text() == AFTER.replace("except:", "except (OSError, ValueError):")


def test_a_fix_that_cannot_be_read_is_not_asked_for_again(changed: Repo) -> None:
    explained = Rule(match="explain one change", text="Returns None where `load` fails.")
    with FakeEngine(Script(rules=[explained, Rule(match="fix one defect", text="No idea.")]), tcp=True) as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url}
        first = report(reviewer("review", "--format", "json", cwd=changed.root, env=env))
        asked = len(engine.requests("/v1/chat/completions"))
        again = report(reviewer("review", "--format", "json", cwd=changed.root, env=env))
        assert len(engine.requests("/v1/chat/completions")) == asked > 2, "each reply was asked for twice, then kept"
        uncached = report(reviewer("review", "--format", "json", "--no-cache", cwd=changed.root, env=env))
        assert len(engine.requests("/v1/chat/completions")) == 2 * asked
    assert first["findings"] == again["findings"] == uncached["findings"]


def test_a_part_that_cannot_be_read_is_asked_about_again(changed: Repo) -> None:
    env = {"REVIEWER_FIXES": "no", "REVIEWER_MODEL_FINDINGS": "on"}
    with FakeEngine(Script(rules=[Rule(path="/v1/chat/completions", text="I approve.")]), tcp=True) as engine:
        env |= {"REVIEWER_ENGINE_URL": engine.endpoint.url}
        asked = []
        for _ in range(2):
            reviewer("review", cwd=changed.root, env=env)
            asked.append(len(engine.requests("/v1/chat/completions")))
    assert asked[1] == 2 * asked[0] > 0


@pytest.mark.parametrize(("sure", "marks"), [(-0.4, []), (-0.6, ["unsure"])])
def test_words_that_the_model_is_not_sure_of_are_hidden(changed: Repo, sure: float, marks: list[str]) -> None:
    words = "Catches every error of reading the file and returns None instead."
    explained = Rule(match="explain one change", text=words, sure=sure)
    with FakeEngine(Script(rules=[explained]), tcp=True, name="qwen2.5-coder-1.5b-instruct") as engine:
        env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, "REVIEWER_FIXES": "no", "REVIEWER_MODEL_FINDINGS": "off"}
        first, again = (
            report(reviewer("review", "--format", "json", cwd=changed.root, env=env))["units"][0] for _ in range(2)
        )
        assert len(engine.requests("/v1/chat/completions")) == 1, "the answer is kept with its doubt"
    assert first["explanation"] == again["explanation"]
    assert first["explanation"]["marks"] == marks


def test_a_missing_engine_leaves_the_evidence(changed: Repo) -> None:
    done = reviewer("review", cwd=changed.root, env=NO_ENGINE)
    assert done.returncode == ExitCode.ENGINE
    assert "ruff E722" in done.stdout
    hooked = reviewer("hook", "pre-commit", cwd=changed.root, env=NO_ENGINE)
    assert hooked.returncode == ExitCode.PASSED
    assert "ruff E722" in hooked.stdout
    assert "reporting rules and analyzers only" in hooked.stderr
    gated = reviewer("hook", "pre-commit", "--fail-on", "warning", cwd=changed.root, env=NO_ENGINE)
    assert gated.returncode == ExitCode.FINDINGS
    required = reviewer("hook", "pre-commit", "--require", cwd=changed.root, env=NO_ENGINE)
    assert required.returncode == ExitCode.ENGINE


def test_an_ignore_comment_silences_evidence(repo: Repo) -> None:
    repo.commit("first", {"load.py": BEFORE})
    repo.stage({"load.py": AFTER.replace("except:", "except:  # reviewer: ignore callers want None")})
    done = reviewer("review", "--no-model", cwd=repo.root, env=NO_ENGINE)
    assert "E722" not in done.stdout


def test_results_of_other_tools_are_reported_on_changed_lines(changed: Repo, tmp_path: Path) -> None:
    def result(rule: str, line: int) -> dict[str, Any]:
        place = {"artifactLocation": {"uri": "load.py"}, "region": {"startLine": line}}
        return {"ruleId": rule, "message": {"text": "tainted"}, "locations": [{"physicalLocation": place}]}

    run = {"tool": {"driver": {"name": "other"}}, "results": [result("NEW", 9), result("OLD", 1)]}
    sarif = tmp_path / "other.sarif"
    sarif.write_text(json.dumps({"version": "2.1.0", "runs": [run]}))
    done = reviewer("review", "--no-model", "--sarif", str(sarif), cwd=changed.root, env=NO_ENGINE)
    assert "other NEW" in done.stdout
    assert "OLD" not in done.stdout


def test_commands_that_a_repository_names_run_only_where_it_is_trusted(changed: Repo) -> None:
    marker = changed.root / "ran"
    table = (
        f'[analyzers]\nown = {{ command = ["touch", "{marker}", "{{files}}"], format = "lines", files = ["*.py"] }}\n'
    )
    changed.write({".reviewer.toml": table})
    done = reviewer("review", "--no-model", cwd=changed.root, env=NO_ENGINE)
    assert not marker.exists()
    assert "own did not run" in done.stdout
    trusting = {**NO_ENGINE, "REVIEWER_TRUST_REPOSITORY": "yes"}
    assert reviewer("review", "--no-model", cwd=changed.root, env=trusting).returncode == 0
    assert marker.exists()


def test_the_heading_names_the_function_of_the_finding(repo: Repo) -> None:
    """One hunk changes two functions, and the finding is in the second one."""
    before = "def median(values):\n    return values[1]\n\n\ndef variance(values, seen=None):\n    return seen\n"
    after = before.replace("values[1]", "values[2]").replace("seen=None", "seen=[]")
    repo.commit("first", {"stats.py": before})
    repo.stage({"stats.py": after})
    done = reviewer("review", "--no-model", cwd=repo.root)
    assert "stats.py:5  in variance()" in done.stdout
    assert "in median()" not in done.stdout
