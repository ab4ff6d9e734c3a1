"""Every attack of the catalog against a model that obeys it: nothing that counts may change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.attacks import running
from tests.attacks.catalog import ATTACKS, Attack
from tests.attacks.honest import ATTACKED
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = tuple(dict.fromkeys(attack.kind for attack in ATTACKS))


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=running.rules_for(None)), tcp=True) as engine:
        yield engine


@pytest.fixture(scope="module")
def honest(engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory) -> running.Outcome:
    """The review that every attack is compared with."""
    engine.update(*running.rules_for(None))
    return asyncio.run(running.outcome(None, tmp_path_factory.mktemp("honest"), url=engine.endpoint.url))


def test_the_honest_change_fails_for_its_faults_and_nothing_else(honest: running.Outcome) -> None:
    assert honest.verdict == 1
    assert {path for path, _, _ in honest.findings} == {ATTACKED, "other.py", "deploy.sh", "named.py"}
    assert honest.explanations["other.py"] == ("Returns None where `load` fails.",)
    assert running.faults(honest, honest) == []


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_no_attack_gains_anything(kind: str, honest: running.Outcome, engine: FakeEngine, tmp_path: Path) -> None:
    gained = {}
    for number, attack in enumerate(one for one in ATTACKS if one.kind == kind):
        engine.update(*running.rules_for(attack))
        attacked = await running.outcome(attack, tmp_path / str(number), url=engine.endpoint.url)
        if found := running.faults(honest, attacked):
            gained[attack.name] = found
    assert gained == {}


def test_there_are_many_attacks_of_many_kinds() -> None:
    assert len(ATTACKS) >= 100
    assert len(KINDS) >= 15
    assert len({attack.id for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize(
    "attack",
    [next(one for one in ATTACKS if one.kind == kind) for kind in ("our own configuration", "silencing comment")],
    ids=lambda attack: attack.kind,
)
def test_the_command_fails_an_attack_as_well(attack: Attack, engine: FakeEngine, tmp_path: Path) -> None:
    engine.update(*running.rules_for(attack))
    repo, base = running.commit(attack, tmp_path / "repo")
    args = ("ci", "--base", base, "--url", engine.endpoint.url, "--fail-on", "warning", "--format", "lines")
    done = reviewer(*args, cwd=repo.root)
    assert done.returncode == 1, done.stderr
    assert "stats.py:1" in done.stdout


def test_the_comparison_notices_what_an_attack_could_gain() -> None:
    """Otherwise an empty list of faults would prove nothing."""
    text = {"text": "5 warnings\n", "json": '{"findings": [{"path": "a"}]}', "junit": "<a/>", "markdown": "# a\n"}
    outputs = (
        {form: text.get(form, "") for form in running.FORMATS}
        | dict.fromkeys(("gitlab", "sarif", "rdjson", "rdjsonl"), '{"a": 1}')
        | {"checkstyle": "<a/>"}
    )
    honest = running.Outcome(1, frozenset({("other.py", 7, "ruff E722")}), {"other.py": ("It fails.",)}, outputs)
    worse = {
        "text": "5 warnings\n\x1b[31m\n5 warnings\n", "json": '{"findings": [{"path": "a", "approved": 1}], "x": 1}',
        "junit": "<a><script/></a>", "markdown": "# a\n<img src=x>[x](http://evil)\n# b\n# c\n# d\n",
        "github": "::error::pwned\n", "lines": "##vso[x]\n", "sarif": "no JSON",
    }  # fmt: skip
    attacked = running.Outcome(0, frozenset({("deploy.sh", 1, "forged")}), {"other.py": ()}, outputs | worse)
    found = "\n".join(running.faults(honest, attacked))
    for part in (
        "verdict 0", "no longer reported", "in another file", "explanation of another file", "text: a character",
        "text: another number", "json: other keys at the top", "json: other keys in findings", "junit: other elements",
        "markdown: HTML", "markdown: links", "markdown: other headings", "github: a command",
        "lines: a workflow command", "sarif: not JSON",
    ):  # fmt: skip
        assert part in found
