"""Secrets and workflow commands that a change holds and a model repeats, through the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reviewer.applying import last
from reviewer.report import FORMATS
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.repo import Repo

# Assembled, so that no scanner takes this file for a leak. The first is known to the secret detector alone.
TOKEN = "dp.pt." + "aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7kL9mN1p"
PASSWORD = "tr0ub4" + "dor"
REPLY = f"Connects with {TOKEN} and `{PASSWORD}`.\n::error file=a.py::pwned\n##[error]pwned"
CI = {"GITHUB_ACTIONS": "true", "REVIEWER_MODEL_FINDINGS": "off"}


@pytest.fixture
def leaking(repo: Repo) -> Repo:
    repo.commit("first", {"a.py": "import client\n"})
    settings = f"db:\n  password: {PASSWORD}\n"
    repo.stage({"a.py": f'import client\n\nclient.connect("{TOKEN}")\n', "settings.yml": settings})
    return repo


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(
        Script(rules=[Rule(match="explain one change", text=REPLY), Rule(text=REPLY)]), tcp=True
    ) as running:
        yield running


def assert_safe(text: str, secrets: tuple[str, ...] = (TOKEN, PASSWORD)) -> None:
    for secret in secrets:
        assert secret not in text
    assert not re.search(r"^\s*::(?!notice |warning |error file=(?:a\.py|settings\.yml),)", text, re.MULTILINE)
    assert not re.search(r"##(\[|vso\[)", text)


@pytest.mark.parametrize("form", FORMATS)
def test_what_the_change_holds_is_in_no_report(form: str, leaking: Repo, engine: FakeEngine) -> None:
    env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, **CI}
    done = reviewer("review", "--format", form, cwd=leaking.root, env=env)
    assert "settings.yml" in done.stdout or form in ("github", "gitlab")
    assert ("Connects with" in done.stdout) == (form in ("text", "markdown", "json", "html"))
    assert_safe(done.stdout + done.stderr)


def test_an_explanation_repeats_no_secret_and_gives_no_command(leaking: Repo, engine: FakeEngine) -> None:
    env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, **CI}
    done = reviewer("explain", "settings.yml", cwd=leaking.root, env=env)
    assert "Connects with" in done.stdout
    assert_safe(done.stdout + done.stderr, (PASSWORD,))


def test_the_list_of_what_can_be_applied_is_safe(leaking: Repo, engine: FakeEngine) -> None:
    env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, **CI}
    reviewer("review", cwd=leaking.root, env=env)
    listed = reviewer("apply", cwd=leaking.root, env=CI)
    assert "nothing to apply" in listed.stderr, "a suggestion with a masked secret is not one"
    (found,) = [one.id for one in last.load(leaking.root / ".git").findings][:1]
    named = reviewer("apply", found, cwd=leaking.root, env=CI)
    assert named.returncode != 0
    for done in (listed, named):
        assert_safe(done.stdout + done.stderr)
