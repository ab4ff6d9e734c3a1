"""The evidence step of a review: what the settings ask for, collected on the selected part of the change."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.diff import FileStatus
from reviewer.evidence import escapes
from reviewer.evidence.analyzers import parse_config
from reviewer.evidence.collect import Options, collect
from reviewer.evidence.fixing import with_model_fix, with_own_fix
from reviewer.evidence.reviewed import Side
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.diff import Change
    from reviewer.finding import Finding
    from reviewer.prompting.fix import Fix
    from reviewer.selection.source import ChangeSource
    from reviewer.selection.units import Selection

MAX_FIXED = 12
"""Findings that the model is asked to fix in one review; the most severe come first."""

_REPOSITORY = (".reviewer.toml", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules, analyzers and SARIF files report about a change.

    Attributes:
        findings: In order of path and line; a suggestion among them is proven.
        notes: Sentences about what did not run or was left out.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    _read: Callable[[str], str | None]
    _options: Options
    _side: Side

    @property
    def unfixed(self) -> tuple[Finding, ...]:
        """The findings that a model may fix, the most severe ones."""
        open_ones = [one for one in self.findings if one.suggestion is None and self._read(one.path)]
        worst = sorted(open_ones, key=lambda one: -one.severity.rank)[:MAX_FIXED]
        return tuple(one for one in open_ones if one in worst)

    def with_fixes(self, faults: Sequence[Finding], fixes: Sequence[Sequence[Fix]]) -> tuple[Finding, ...]:
        """Return the findings with the fixes that are proven; ``fixes`` holds the samples for each of ``faults``."""
        mended = {
            id(fault): with_model_fix(
                fault, samples, text, detect(fault.path, text).name, options=self._options, side=self._side
            )
            for fault, samples in zip(faults, fixes, strict=True)
            if samples and (text := self._read(fault.path))
        }
        return tuple(mended.get(id(one), one) for one in self.findings)


def gather(
    source: ChangeSource,
    selection: Selection,
    settings: Settings,
    sarif: tuple[Path, ...] = (),
    cancelled: threading.Event | None = None,
) -> Facts:
    """Collect the evidence about the selected files, and prove the fixes that it brings.

    Once ``cancelled`` is set, analyzers are stopped and the result is incomplete.

    Raises:
        UsageError: A SARIF file cannot be read.
        ConfigError: The table of analyzers is wrong.
        RuleError: A packaged rule is damaged.
    """
    paths = {unit.path for unit in selection.units}
    change = dataclasses.replace(source.change, files=tuple(file for file in source.change.files if file.path in paths))
    options, notes = _options(settings, sarif)
    options = dataclasses.replace(options, cancelled=cancelled or threading.Event())
    new, old = Side(source.new, source.paths), Side(source.old)
    if not settings.trust_comments:
        options = dataclasses.replace(options, allowed=_silencing_lines(change, source))
    found = collect(change, new, old, options)
    proven = tuple(
        with_own_fix(one, text, detect(one.path, text).name, options, new) if (text := source.read(one.path)) else one
        for one in found.findings
    )
    return Facts(proven, (*notes, *found.notes), source.read, options, new)


def _silencing_lines(change: Change, source: ChangeSource) -> dict[str, tuple[str, ...]]:
    """The lines of the old side that silence a checker, by the path of the new side."""
    before = {file.path: file.old_path or file.path for file in change.files if file.status is not FileStatus.ADDED}
    texts = {path: source.read_old(old) or "" for path, old in before.items() if escapes.hides(source.read(path) or "")}
    return {path: tuple(line for line in text.split("\n") if escapes.hides(line)) for path, text in texts.items()}


def _options(settings: Settings, sarif: tuple[Path, ...]) -> tuple[Options, tuple[str, ...]]:
    """Read the settings; commands that a repository names run only where the user trusts it."""
    table, notes = dict(settings.analyzers), []
    foreign = settings.origin("analyzers").startswith(_REPOSITORY) and not settings.trust_repository
    if foreign:
        for name, value in list(table.items()):
            if isinstance(value, Mapping) and "command" in value:
                del table[name]
                notes.append(f"{name} did not run: its command comes from the repository (trust_repository allows it).")
    specs = parse_config(table)
    return Options(analyzers=specs, rules=settings.rules, sarif=sarif, untrusted=foreign), tuple(notes)
