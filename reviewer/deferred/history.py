"""The past reviews of a working tree, and those being made, as files in its git folder; for ``reviewer serve``.

A file holds the JSON report and the lines of its units, with secrets masked in both, because the index and the working
tree will have changed when it is shown.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import files, untrusted
from reviewer.diff import LineKind, SourceLine
from reviewer.errors import UsageError
from reviewer.paths import GIT_FOLDER
from reviewer.report import FORMATS, RenderOptions, json_reader, view
from reviewer.terminal.masking import mask, remembering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reviewer.finding import Review

KEPT = 50
_VERSION = 1
_MAX_CODE = 1_000_000  # characters of code of one review; the code of a larger one is not kept
_MAX_FILE = 64 << 20
_NAME = re.compile(r"\d{19,20}-\d{1,10}")
_EVERY = 0.5  # seconds between two updates of a running review
_STALE = 24 * 3600.0  # seconds after which a review that never ended is forgotten


@dataclass(frozen=True, slots=True)
class Running:
    """A review that is being made.

    Attributes:
        pid: The process that makes it.
        since: When it began, in seconds since the epoch.
        step: What it is doing.
    """

    pid: int
    subject: str
    since: float
    step: str = ""


@dataclass(frozen=True, slots=True)
class PastReview:
    """One stored review; ``made`` is ISO 8601."""

    name: str
    made: str
    review: Review


class History:
    """The reviews of one working tree.

    Args:
        git_dir: Its own git folder.
    """

    def __init__(self, git_dir: Path) -> None:
        self._git_dir = git_dir
        self._folder = git_dir / GIT_FOLDER / "reviews"

    def record(self, review: Review) -> None:
        """Store a review and drop the oldest; where the git folder cannot be written, it is not stored."""
        document = {
            "version": _VERSION,
            "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "report": json.loads(FORMATS["json"](review, RenderOptions(advisory=True))),
            "lines": _masked_lines(review),
        }
        with suppress(OSError):
            if not self._git_dir.is_dir():  # do not recreate a repository that was deleted
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            files.write(self._folder / f"{time.time_ns()}-{os.getpid()}.json", json.dumps(document))
            for name in self.names()[KEPT:]:
                (self._folder / f"{name}.json").unlink()

    def names(self) -> list[str]:
        """The stored reviews, newest first."""
        found = [path.stem for path in self._files("*.json") if _NAME.fullmatch(path.stem)]
        return sorted(found, reverse=True)

    def read(self, name: str) -> PastReview:
        """Read one of ``names``.

        Raises:
            UsageError: There is none, or it is damaged.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"no review {name!r}")
        try:
            document = untrusted.parse_json(untrusted.read_file(self._folder / f"{name}.json", _MAX_FILE))
            if document["version"] != _VERSION:
                raise ValueError(document["version"])
            review = json_reader.read(document["report"])
            lines = [[_line(one) for one in unit] for unit in document["lines"]]
            units = [dataclasses.replace(unit, lines=tuple(own)) for unit, own in zip(review.units, lines, strict=True)]
            return PastReview(name, str(document["made"]), dataclasses.replace(review, units=tuple(units)))
        except OSError as problem:
            raise UsageError(f"cannot read the review: {problem.strerror}") from problem
        except (ValueError, LookupError, TypeError, AttributeError) as problem:
            raise UsageError("the review is damaged or from another version") from problem

    @contextmanager
    def running(self, subject: str) -> Iterator[Reporter]:
        """Say that a review is being made while the block runs; the value receives its steps."""
        reporter = Reporter(self._folder / f"running-{os.getpid()}.json", Running(os.getpid(), subject, time.time()))
        with suppress(OSError):
            if self._git_dir.is_dir():
                self._folder.mkdir(parents=True, exist_ok=True)
                self._forget_stale()
                reporter.write()
        try:
            yield reporter
        finally:
            with suppress(OSError):
                reporter.path.unlink()

    def all_running(self) -> list[Running]:
        """The reviews that are being made, the oldest first."""
        found = []
        for path in self._files("running-*.json"):
            with suppress(OSError, ValueError, TypeError):
                running = Running(**untrusted.parse_json(path.read_bytes()))
                if _is_alive(running):
                    found.append(running)
        return sorted(found, key=lambda one: one.since)

    def _files(self, pattern: str) -> list[Path]:
        try:
            return list(self._folder.glob(pattern))
        except OSError:
            return []

    def _forget_stale(self) -> None:
        for path in self._files("running-*.json"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE:
                    path.unlink()


class Reporter:
    """A ``Progress`` that writes the present step to a file, at most every half second."""

    def __init__(self, path: Path, running: Running) -> None:
        self.path = path
        self._running = running
        self._message = ""
        self._due = 0.0

    def write(self) -> None:
        """Write the file.

        Raises:
            OSError: It cannot be written.
        """
        files.write(self.path, json.dumps(dataclasses.asdict(self._running)))
        self._due = time.monotonic() + _EVERY

    def step(self, message: str) -> None:
        """Begin a step."""
        self._message = message
        self._update(message)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Report progress of the step."""
        if unit != "B":  # a download is not a review yet
            self._update(f"{self._message}  {done:g}" + (f" of {total:g}" if total else "") + f" {unit}".rstrip())

    def _update(self, step: str) -> None:
        self._running = dataclasses.replace(self._running, step=step)
        if time.monotonic() >= self._due and self.path.exists():
            with suppress(OSError):
                self.write()


def _is_alive(running: Running) -> bool:
    """Whether its process runs, and is not another one with the same id."""
    import psutil

    try:
        return psutil.Process(running.pid).create_time() <= running.since + 1
    except psutil.Error:
        return False


def _masked_lines(review: Review) -> list[list[list[Any]]]:
    """The lines of each unit: sign, old number, new number, text."""
    if sum(len(line.text) for unit in review.units for line in unit.lines) > _MAX_CODE:
        return [[] for _ in review.units]
    with remembering(view.secrets(review)):
        return [_masked_unit(unit.lines) for unit in review.units]


def _masked_unit(lines: tuple[SourceLine, ...]) -> list[list[Any]]:
    if not lines:
        return []
    # Together, because some secrets span lines.
    texts = mask("\n".join(line.text.replace("\n", " ") for line in lines)).split("\n")
    return [[line.kind.value, line.old, line.new, text] for line, text in zip(lines, texts, strict=True)]


def _line(values: list[Any]) -> SourceLine:
    kind, old, new, text = values
    if not isinstance(text, str) or not all(one is None or isinstance(one, int) for one in (old, new)):
        raise TypeError(values)
    return SourceLine(LineKind(kind), text, old, new)
