"""``--embedded`` takes an optional value, and never the argument after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reviewer.review
from reviewer.cli import run
from reviewer.finding import Review

if TYPE_CHECKING:
    from reviewer.config import Settings
    from tests.repo import Repo


@pytest.fixture
def asked(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool | str, bool]]:
    """What each review was asked for: the subject, the embedded model, whether to install."""
    repo.commit("first", {"a.py": "x = 1\n"})
    repo.commit("second", {"a.py": "x = 2\n"})
    monkeypatch.chdir(repo.root)
    found: list[tuple[str, bool | str, bool]] = []

    def review(source: Any, settings: Settings, *_: Any, install: bool, **__: Any) -> Review:
        found.append((source.change.subject, settings.embedded, install))
        return Review(source.change.subject)

    monkeypatch.setattr(reviewer.review, "review", review)
    return found


@pytest.mark.parametrize(
    ("args", "embedded", "install"),
    [
        (["HEAD", "--embedded", "--install"], True, True),
        (["--embedded", "HEAD"], True, False),
        (["--embedded=0.5b", "HEAD"], "0.5b", False),
        (["HEAD", "--embedded=135m"], "135m", False),
        (["--no-embedded", "HEAD"], False, False),
        (["--embedded", "--no-embedded", "HEAD"], False, False),
        (["HEAD"], False, False),
    ],
)
def test_the_flag_and_its_value(
    asked: list[tuple[str, bool | str, bool]], args: list[str], embedded: bool | str, install: bool
) -> None:
    assert run(["review", *args]) == 0
    ((subject, *rest),) = asked
    assert subject.startswith("commit HEAD")
    assert rest == [embedded, install]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--embedded=7b", "HEAD"], "'7b' is not one of"),
        (["--embedded", "--model", "a/b", "HEAD"], "--model and --embedded: the model a/b and embedded cannot be"),
    ],
)
def test_what_cannot_be_asked_for(
    asked: list[tuple[str, bool | str, bool]], args: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["review", *args]) == 2
    assert said in capsys.readouterr().err
    assert asked == []
