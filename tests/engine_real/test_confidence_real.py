"""Second opinions and votes of a real model: probabilities from its own log-probabilities, kept like any answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reviewer import AIModelManager, diff
from reviewer.asking.answers import Answerer
from reviewer.asking.reading import Reading
from reviewer.cache import AnswerCache
from reviewer.checking import confidence
from reviewer.config import Settings
from reviewer.finding import Category, Finding, Review, Severity, UnitReview, UnitStatus
from reviewer.prompting.prompts import Prompts
from reviewer.review import review_change
from reviewer.selection.units import select
from reviewer.terminal.progress import SILENT
from tests.engine_real.samples import BEFORE, STAGED

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.server.state import ServerState
    from reviewer.selection.units import ReviewUnit
    from tests.repo import Repo

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]


@pytest.fixture
def change(repo: Repo) -> diff.Change:
    repo.commit("first", BEFORE)
    repo.stage(STAGED)
    return diff.parse(repo.git("diff", "--cached"), "staged changes")


def read(path: str) -> str:
    return str(STAGED[path])


def reading(unit: ReviewUnit) -> Reading:
    """A unit with a finding as a model would make it; the small model itself hardly makes any."""
    line = unit.anchors[0]
    finding = Finding(unit.path, line, Severity.ERROR, Category.BUG, "Fails on empty input.", unit.line_text(line))
    review = UnitReview(unit.path, unit.start, unit.end, "", "", unit.lines, UnitStatus.READ, findings=(finding,))
    return Reading(unit, (), review)


async def test_a_second_opinion_is_a_probability_and_is_kept(
    warm: ServerState, change: diff.Change, tmp_path: Path
) -> None:
    units = select(change, read, max_chars=4000).units
    settings = Settings(embedded=True, second_opinion=True, min_confidence=0.0)
    async with AIModelManager(embedded=True, keep_warm=True) as manager:
        profile = await manager.profile()
        prompts, policy = Prompts(profile, {}), confidence.Policy.of(settings, profile)

        async def settle() -> tuple[list[Finding], Answerer]:
            cache = AnswerCache(tmp_path / "answers.sqlite3")
            answerer = Answerer(manager, profile, cache=cache, progress=SILENT)
            readings = [reading(unit) for unit in units]
            found = [one.review for one in readings]
            reviews, problems = await confidence.settle(readings, found, policy, prompts, answerer)
            assert problems == ()
            return [finding for review in reviews for finding in review.findings], answerer

        first, asked = await settle()
        again, known = await settle()
    assert len(first) == len(units) > 1
    for finding in first:
        assert finding.confidence is not None
        assert 0 < finding.confidence < 1
    assert len({finding.logit for finding in first}) > 1, "it is asked of each finding for itself"
    assert (asked.usage.requests, asked.usage.completion_tokens) == (len(units), 2 * len(units))
    assert again == first
    assert (known.usage.requests, known.usage.cached) == (0, len(units))


async def test_each_vote_is_an_answer_of_its_own(warm: ServerState, shared: Path, change: diff.Change) -> None:
    settings = Settings(embedded=True, completions=False, votes=3)

    async def review() -> Review:
        return await review_change(change, read, settings)

    first, again = await review(), await review()
    count = len(first.units)
    assert not first.not_read
    # Each sample is asked for a second time at most.
    assert 3 * count <= first.usage.requests + first.usage.cached <= 6 * count
    assert (again.usage.requests, again.usage.cached) == (0, 3 * count)
    assert again.findings == first.findings
    for finding in first.findings:
        assert finding.agreement in (1 / 3, 2 / 3, 1.0)
