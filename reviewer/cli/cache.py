"""``reviewer cache``: show or clear the cached answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reviewer.cache import AnswerCache, CacheStats


@click.group()
def cache() -> None:
    """Show or clear the cached answers of the model."""


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON: sizes in bytes, times in seconds since 1970.")
def stats(*, as_json: bool) -> None:
    """Show the cache's location, number of answers and size."""
    from reviewer.terminal import output

    with _cache() as answers:
        found = answers.stats()
    output.say(json.dumps(_plain(found), indent=2) if as_json else "\n".join(_lines(found)))


@cache.command()
def clear() -> None:
    """Delete every cached answer; the next review asks the model again."""
    from reviewer.terminal import output

    with _cache() as answers:
        removed = answers.clear()
        problem = answers.problem
    if problem is not None:
        output.note(f"the cache is off: {problem}")
    else:
        output.say(f"{removed} {_answers(removed)} deleted")


def _cache() -> AnswerCache:
    from reviewer.cache import AnswerCache, default_path

    return AnswerCache(default_path())


def _plain(found: CacheStats) -> dict[str, object]:
    return {
        "path": str(found.path),
        "entries": found.entries,
        "bytes": found.bytes,
        "max_bytes": found.max_bytes,
        "file_bytes": found.file_bytes,
        "oldest": found.oldest,
        "set_aside": [str(file) for file in found.set_aside],
        "problem": found.problem,
    }


def _lines(found: CacheStats) -> list[str]:
    from reviewer.terminal.output import byte_size

    lines = [
        f"{found.entries} {_answers(found.entries)}, {byte_size(found.bytes)} of {byte_size(found.max_bytes)}",
        f"file    {found.path} ({byte_size(found.file_bytes)})",
    ]
    if found.oldest is not None:
        lines.append(f"oldest  last used {_date(found.oldest)}")
    lines += [f"damaged, moved to: {file}" for file in found.set_aside]
    if found.problem is not None:
        lines.append(f"the cache is off: {found.problem}")
    return lines


def _answers(count: int) -> str:
    return "answer" if count == 1 else "answers"


def _date(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
