"""How usable a model's summaries of whole changes are: on the shipped cases and on commits of a repository.

    python bench/summary.py --embedded bench/cases --commits 6

Prints every summary with its marks, for a person to judge, and then what can be counted: usable replies, parts that
pass the checks, tokens and seconds. Nothing here says that a summary is right.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from common import git, machine, table

from reviewer import config
from reviewer.evaluation.cases import load
from reviewer.git import Repository
from reviewer.review import review_change
from reviewer.selection.source import ChangeSource, from_repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reviewer.config import Settings
    from reviewer.finding import Review

    Named = tuple[str, ChangeSource, str]


def changes(folder: Path, commits: int) -> Iterator[Named]:
    """Name, change, reader and what its author said of it."""
    for case in load(folder):
        yield case.id, ChangeSource(case.change, case.texts.get), case.reference
    repository = Repository.discover()
    for commit in git(repository.root, "log", "--no-merges", f"-{commits}", "--format=%H").split():
        source = from_repository(repository, repository.target(commit, staged=False))
        yield commit[:10], source, git(repository.root, "log", "-1", "--format=%s", commit)


async def one(named: Named, settings: Settings) -> Review:
    """Review a change and print its summary."""
    name, source, told = named
    review = await review_change(source, settings, message=True)
    print(f"\n{name} ({len(review.units)} pieces): {told}")
    summary = review.summary
    if summary is None:
        print("  -", "; ".join(review.notes))
        return review
    for label, text, marks in (
        ("summary", summary.text, summary.marks),
        (f"risk {summary.risk.level}", summary.risk.reason, summary.risk.marks),
        ("commit", f"{summary.message.subject} / {summary.message.body}", summary.message.marks),
    ):
        print(f"  {label:<12} {text!r} {','.join(sorted(marks))}")
    print(f"  start at     {summary.path}:{summary.line}")
    return review


async def run(settings: Settings, named: list[Named]) -> Mapping[str, str]:
    """Measure them one after the other."""
    reviews = [await one(each, settings) for each in named]
    asked = [review for review in reviews if any(unit.explanation and unit.explanation.shown for unit in review.units)]
    told = [(review, review.summary) for review in reviews if review.summary is not None]
    first = sum(summary.line == review.units[0].first_line for review, summary in told)
    levels = Counter(str(summary.risk.level) for _, summary in told)
    return {
        "changes": str(len(reviews)),
        "with something to go by": str(len(asked)),
        "replies that read": str(len(told)),
        "summaries shown": str(sum(summary.shown for _, summary in told)),
        "risks shown": str(sum(summary.shown and summary.risk.shown for _, summary in told)),
        "messages shown": str(sum(summary.message.shown for _, summary in told)),
        "risk levels": ", ".join(f"{level} {count}" for level, count in sorted(levels.items())),
        "first part looked at first": f"{first} of {len(told)}",
    }


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--commits", type=int, default=6, help="newest commits of this repository to sum up, too")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--only", default="", help="names that contain this")
    arguments = parser.parse_args()
    flags = {"summary": "on", "completions": False, "embedded": arguments.embedded or None}
    settings = config.load(None, os.environ, flags)
    named = [each for each in changes(arguments.cases, arguments.commits) if arguments.only in each[0]]
    print(machine())
    counts = asyncio.run(run(settings, named))
    print("\n" + table(list(counts.items())))


if __name__ == "__main__":
    main()
