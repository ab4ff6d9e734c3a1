from __future__ import annotations

from reviewer.engine.profile import ModelProfile
from reviewer.finding import Category, Finding, Severity, Source, SourceKind
from reviewer.prompting import fix
from reviewer.prompting.manual import Example, example
from reviewer.prompting.prompts import Prompts

NAIVE = Source(SourceKind.TOOL, "ruff", "DTZ005")


def test_ruffs_manual_shows_how_a_rule_is_obeyed() -> None:
    assert example((Source(SourceKind.RULE, "built-in", "py-x"), NAIVE)) == Example(
        "`datetime.datetime.now()`", "`datetime.datetime.now(tz=datetime.timezone.utc)`"
    )


def test_a_rule_without_an_example_has_none() -> None:
    assert example(()) is None
    assert example((Source(SourceKind.TOOL, "ruff", "ZZZ999"),)) is None
    assert example((Source(SourceKind.TOOL, "ruff", "--help"),)) is None
    assert example((Source(SourceKind.TOOL, "eslint", "DTZ005"),)) is None


def test_the_request_for_a_fix_has_the_example() -> None:
    prompts = Prompts(ModelProfile("m", "d", 8192), {})
    finding = Finding("a.py", 1, Severity.WARNING, Category.BUG, "wrong", "x = now()", sources=(NAIVE,))
    (first, *_) = fix.requests(prompts, finding, "x = now()\n", "python")
    said = first.messages[-1]["content"]
    assert "write `datetime.datetime.now(tz=datetime.timezone.utc)` instead of `datetime.datetime.now()`." in said
