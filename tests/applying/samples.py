"""Reviews without a model: findings with suggestions for lines of a real repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reviewer.applying import last
from reviewer.applying.history import History
from reviewer.applying.plan import Plan, Planner
from reviewer.finding import Category, Finding, Review, Severity, Suggestion, UnitReview, UnitStatus, Usage
from reviewer.git import Repository
from reviewer.languages import detect
from reviewer.report import view
from reviewer.selection.source import from_repository

if TYPE_CHECKING:
    from reviewer.applying.last import LastReview
    from reviewer.git import Target
    from tests.repo import Repo


class Fix(NamedTuple):
    """Lines to replace in one file; ``None`` suggests nothing."""

    path: str
    start: int
    end: int
    replacement: str | None
    category: Category = Category.BUG


def review(repo: Repo, *fixes: Fix, target: Target | None = None, masked: tuple[int, ...] = ()) -> LastReview:
    """Keep a review of what is staged, or of another target, and return it as the next command reads it.

    ``masked`` are places in the report, from 1 on.
    """
    repository = Repository.discover(repo.root)
    target = target or repository.target(None, staged=True)
    source = from_repository(repository, target)
    texts = {fix.path: source.read(fix.path) or "" for fix in fixes}
    made = Review(target.subject, tuple(_unit(fix, texts[fix.path]) for fix in fixes), usage=Usage(model="fake"))
    ids = list(view.ids(made).values())
    assert last.keep(repository, target, made, texts.get, masked=[ids[number - 1] for number in masked])
    return last.load(repository.git_dir)


def ids(kept: LastReview, *numbers: int) -> tuple[str, ...]:
    """The ids of some findings by their places in the report, from 1 on."""
    return tuple(kept.findings[number - 1].id for number in numbers)


def plan(repo: Repo, kept: LastReview, *numbers: int) -> Plan:
    """Plan what ``reviewer apply IDS`` would, all without ids."""
    chosen = kept.find(ids(kept, *numbers)) if numbers else kept.findings
    return planner(repo, kept).plan(chosen)


def planner(repo: Repo, kept: LastReview) -> Planner:
    return Planner(Repository.discover(repo.root), kept, history(repo).all())


def history(repo: Repo) -> History:
    repository = Repository.discover(repo.root)
    return History(repository)


def write(repo: Repo, kept: LastReview, *numbers: int) -> Plan:
    """Apply, and return what was applied."""
    planned = plan(repo, kept, *numbers)
    history(repo).write(planned, kept.made, kept.subject)
    return planned


def _unit(fix: Fix, text: str) -> UnitReview:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    suggestion = None
    if fix.replacement is not None:
        suggestion = Suggestion(fix.start, fix.end, fix.replacement, "\n".join(lines[fix.start - 1 : fix.end]))
    finding = Finding(
        fix.path, fix.start, Severity.ERROR, fix.category, f"wrong at {fix.start}", lines[fix.start - 1],
        suggestion=suggestion,
    )  # fmt: skip
    language = detect(fix.path, lines[0]).name
    return UnitReview(fix.path, fix.start, fix.end, "", language, (), UnitStatus.READ, findings=(finding,))
