"""What is shown beside a change: how much, how fast, and with --embedded what the small model makes of it.

    python bench/context.py [--repo DIR] [--commits 60] [--model-tokens 32768]
    python bench/context.py --embedded --units 24

Changes are the newest commits of a repository, this one by default. For each word of the setting ``context``: for how
many units there was anything to show, how many characters more than the unit itself (an estimate of what it costs in
tokens), and the time that it took, the index being warm. With a model, the same units are asked about with each word:
valid replies, explanations that stand the checks, findings, tokens. Nobody has labelled these commits, so a finding
counts as neither right nor wrong; ``reviewer eval`` is for that.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common import git, machine

from reviewer.cli.common import from_repository
from reviewer.config import Settings
from reviewer.context import Surroundings
from reviewer.context.index import DefinitionIndex
from reviewer.engine.manager import AIModelManager
from reviewer.engine.profile import ModelProfile
from reviewer.git import Repository
from reviewer.prompting.prompts import Prompts
from reviewer.review import review_change
from reviewer.selection.units import select

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.cli.common import Source
    from reviewer.context import Extent

EXTENTS: tuple[Extent, ...] = ("none", "scope", "file", "repo")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--revision", default="HEAD", help="the newest commit")
    parser.add_argument("--commits", type=int, default=60)
    parser.add_argument("--model-tokens", type=int, default=32_768, help="context length that the room is made of")
    parser.add_argument("--words", nargs="+", default=EXTENTS, choices=EXTENTS, help="which to measure")
    parser.add_argument("--embedded", action="store_true", help="ask the embedded model, too")
    parser.add_argument("--units", type=int, default=24, help="about how many units to ask about")
    args = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        sources = [*changes(args.repo, args.revision, args.commits, Path(folder) / "definitions.sqlite3")]
        if args.embedded:
            asyncio.run(ask(sources, args.units, args.words))
        else:
            measure(sources, Prompts(ModelProfile("bench", "", args.model_tokens), {}), args.words)
    return 0


def changes(root: Path, revision: str, commits: int, index: Path) -> Iterator[Source]:
    """The newest commits of a revision that have one parent."""
    repository = Repository.discover(root)
    for name in git(root, "log", "--no-merges", "--format=%H", f"-{commits}", revision).split():
        target = repository.target(name, staged=False)
        source = from_repository(repository, target)
        yield dataclasses.replace(source, index=DefinitionIndex(repository, target, index))


def measure(sources: list[Source], prompts: Prompts, words: Sequence[Extent]) -> None:
    for extent in words:
        sizes: list[int] = []
        own: list[int] = []
        ready: list[float] = []
        took: list[float] = []
        roles: dict[str, int] = {}
        for source in sources:
            units = select(source.change, source.read, max_chars=prompts.unit_chars).units
            units = tuple(unit for unit in units if unit.language.grammar)
            around = Surroundings(extent, source.read, source.index)
            if extent == "repo":
                around.prepare(units)  # cold for the blobs that this commit brings
                around = Surroundings(extent, source.read, again(source.index))
            began = time.perf_counter()
            around.prepare(units)
            ready.append(time.perf_counter() - began)
            for unit in units:
                began = time.perf_counter()
                pieces = around.of(unit, prompts.room_beside(unit))
                took.append(time.perf_counter() - began)
                sizes.append(sum(piece.chars for piece in pieces))
                own.append(unit.chars)
                for piece in pieces:
                    roles[str(piece.role)] = roles.get(str(piece.role), 0) + 1
        some = [size for size in sizes if size]
        print(
            f"{extent:6} {len(some)} of {len(sizes)} units; "
            f"+{statistics.mean(sizes):.0f} characters a unit on {statistics.mean(own):.0f} "
            f"(of those with any: median {statistics.median(some or [0]):.0f}, most {max(some or [0])}); "
            f"{1000 * statistics.mean(took):.1f} ms a unit (most {1000 * max(took):.0f}), "
            f"{1000 * statistics.median(ready):.0f} ms a change for the index; {roles}"
        )


def again(index: DefinitionIndex | None) -> DefinitionIndex | None:
    """The same index, opened anew, as in the next review."""
    if index is not None:
        index.close()
        return DefinitionIndex(index.repository, index.target, index.path)
    return None


async def ask(sources: list[Source], most: int, words: Sequence[Extent]) -> None:
    """Review the newest commits with each word, the same ones for all."""
    chosen: list[Source] = []
    count = 0
    for source in sources:
        found = select(source.change, source.read, max_chars=3_500).units
        code = [unit for unit in found if unit.language.grammar]
        if code and count + len(found) <= most:
            Surroundings("repo", source.read, source.index).prepare(code)
            chosen.append(source)
            count += len(found)
    for extent in words:
        began = time.perf_counter()
        settings = Settings(embedded=True, context=extent, cache=False, completions=False, timeout=900)
        reviews = [
            await review_change(
                source.change, source.read, settings, manager=AIModelManager(settings.model_config), index=source.index
            )
            for source in chosen
        ]
        units = [unit for review in reviews for unit in review.units]
        told = [unit.explanation for unit in units if unit.explanation is not None]
        findings = [finding for review in reviews for finding in review.findings]
        requests = sum(review.usage.requests for review in reviews)
        print(
            f"{extent:6} {sum(unit.status == 'read' for unit in units)} of {len(units)} units read, "
            f"{sum(review.usage.retried for review in reviews)} asked twice; "
            f"{sum(one.shown for one in told)} of {len(told)} explanations shown; "
            f"findings: {len(findings)}, shown {sum(one.shown for one in findings)}; "
            f"tokens a request: {sum(review.usage.prompt_tokens for review in reviews) / requests:.0f} and "
            f"{sum(review.usage.completion_tokens for review in reviews) / requests:.0f}; "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    raise SystemExit(main())
