"""The one entry: every source of evidence, on changed lines, new ones only, each fault once."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.checking import suggestion as suggestions
from reviewer.diff import printable
from reviewer.evidence import escapes, mending, merging, novelty, rules, sarif, statements, textual, timed_rules
from reviewer.evidence.analyzers import DEFAULTS, Setting, Spec, analyze
from reviewer.evidence.analyzers.workspace import changed_path
from reviewer.evidence.diagnostic import Diagnostic, suggestion
from reviewer.evidence.reviewed import ReviewedFile, Side, new_files, old_files
from reviewer.finding import Finding, Source, SourceKind
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from reviewer.diff import Change

_HIDDEN = "…"
_DETECTOR = "betterleaks"


@dataclass(frozen=True, slots=True)
class Options:
    """What evidence is collected.

    Attributes:
        analyzers: The analyzers that run; ``analyzers.parse_config`` reads them from a configuration.
        rules: Whether the packaged rules run.
        sarif: Results of other tools.
        root: Top folder of the working tree, for commands and reports that name files in it; nothing is read from it.
        untrusted: Whether the change is a stranger's, so that no analyzer may run code of its tree.
        timeout: Seconds for each analyzer that sets no limit of its own.
        rules_folder: Folder of the rules; the packaged one by default.
        cancelled: Ends every analyzer when set; what they would have reported is missing then.
        slow: Gets the rules that do not finish in time on a file; they do not run on it again.
        allowed: By path, the lines whose comments may silence an analyzer; None allows all.
    """

    analyzers: tuple[Spec, ...] = DEFAULTS
    rules: bool = True
    sarif: tuple[Path, ...] = ()
    root: Path | None = None
    untrusted: bool = False
    timeout: float = 30.0
    rules_folder: Path | None = None
    cancelled: threading.Event = dataclasses.field(default_factory=threading.Event)
    slow: timed_rules.Slow = dataclasses.field(default_factory=dict)
    allowed: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found.

    Attributes:
        findings: In order of path and line, each with its sources.
        notes: Sentences about what did not run or was left out.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def collect(change: Change, new: Side, old: Side, options: Options | None = None) -> Evidence:
    """Find what a change introduces on its lines.

    Args:
        change: What is reviewed; generated and excluded files are already left out.
        new: The reviewed content.
        old: What it replaces. A side without files, as for a patch, makes everything on changed lines new.
        options: What to collect.

    Raises:
        UsageError: A SARIF file cannot be read.
        RuleError: A packaged rule is wrong.
    """
    options = options or Options()
    reported = [one for path in options.sarif for one in sarif.load(path)]
    files = {file.path: file for file in new_files(change, new)}
    if not files:
        return Evidence()
    found, notes, broken = _detect(list(files.values()), new, options)
    notes += broken
    notes += [
        _too_large(file)
        for file in files.values()
        if options.rules and rules.grammar_of(file) and rules.too_large(file)
    ]
    fresh = _introduced(found, files, old, options)
    fresh += _from_sarif(reported, files, options, notes)
    pinned = [novelty.pinned(one, files[one.path]) for one in fresh]
    findings = [_finding(one, sources, files[one.path]) for one, sources in merging.merge(pinned)]
    notes += timed_rules.notes(options.slow)
    ordered = sorted(findings, key=lambda one: (one.path, one.line, -one.severity.rank, one.message))
    return Evidence(tuple(ordered), tuple(dict.fromkeys(notes)))


def recheck(
    path: str, text: str, sources: Iterable[Source], options: Options | None = None, side: Side | None = None
) -> tuple[Finding, ...] | None:
    """Run sources of a finding again on one file's text, and return everything that they find in it.

    Args:
        path: The file's path on the new side.
        text: Its whole text, with a fix applied for instance.
        sources: The finding's sources; those of a model and of a SARIF file cannot run again.
        options: As for ``collect``.
        side: The new side, for analyzers that need the whole tree.

    Returns:
        None where none of the sources can run again, or one of them failed or takes too long.
    """
    options = options or Options()
    wanted = tuple(sources)
    names = {source.name for source in wanted if source.kind is SourceKind.TOOL}
    specs = tuple(spec for spec in options.analyzers if spec.name in names)
    with_rules = any(source.kind is SourceKind.RULE for source in wanted)
    if (not with_rules and not specs) or (with_rules and path in options.slow):
        return None
    file = ReviewedFile(path, detect(path, text), text)
    only = dataclasses.replace(options, analyzers=specs, rules=with_rules)
    found, failed, _ = _detect([file], side, only, with_text=with_rules)
    if failed or (with_rules and path in options.slow):
        return None
    return tuple(_finding(one, (one.source,), file) for one in sorted(found, key=lambda one: (one.line, one.message)))


def detected_secrets(path: str, text: str) -> frozenset[str]:
    """Return the secrets that the detector finds in one file, as far as each lies within one line."""
    found = recheck(path, text, (Source(SourceKind.TOOL, _DETECTOR),)) or ()
    return frozenset(one.secret for one in found if one.secret)


def _detect(
    files: Sequence[ReviewedFile], side: Side | None, options: Options, *, with_text: bool = True
) -> tuple[list[Diagnostic], list[str], list[str]]:
    """Run every source on whole files: analyzers in processes of their own, rules in this one meanwhile.

    Returns:
        What they report, a note for each analyzer that failed, and one for each rule that does not compile.
    """
    broken: list[str] = []
    setting = Setting(options.root, options.timeout, options.untrusted, options.cancelled)
    with ThreadPoolExecutor(1, thread_name_prefix="analyzers") as pool:
        running = pool.submit(analyze, options.analyzers, _exposed(files, options), _tree(side), setting)
        try:
            found = [one for file in files for one in _in_process(file, options, broken, with_text=with_text)]
            analyzed, notes = running.result()
        except BaseException:
            setting.cancelled.set()
            raise
    return found + analyzed, notes, broken


def _exposed(files: Sequence[ReviewedFile], options: Options) -> list[ReviewedFile]:
    """The files as analyzers are given them: no comment of a stranger silences one."""
    if options.allowed is None:
        return list(files)
    return [
        dataclasses.replace(file, text=escapes.exposed(file.text, options.allowed.get(file.path, ()))) for file in files
    ]


def _in_process(file: ReviewedFile, options: Options, broken: list[str], *, with_text: bool) -> Iterable[Diagnostic]:
    if with_text:
        yield from textual.scan(file)
    if options.rules:
        yield from statements.scan(file)
        yield from timed_rules.scan(file, options.rules_folder, broken, options.slow, options.cancelled)


def _too_large(file: ReviewedFile) -> str:
    return f"{file.path}: built-in rules did not run, because the file is larger than {syntax.MAX_BYTES >> 20} MiB."


def _tree(side: Side | None) -> Callable[[], Mapping[str, bytes]] | None:
    if side is None:
        return None

    def read() -> Mapping[str, bytes]:
        return {path: data for path, data in side.read(side.paths()).items() if data is not None}

    return read


def _introduced(
    found: Iterable[Diagnostic], files: Mapping[str, ReviewedFile], old: Side, options: Options
) -> list[Diagnostic]:
    """Compare with the old side, which is analyzed only where there is something to compare."""
    by_path: dict[str, list[Diagnostic]] = {}
    for one in found:
        by_path.setdefault(one.path, []).append(one)
    suspects = {path: near for path in by_path if (near := novelty.on_changed_lines(by_path[path], files[path]))}
    before = old_files((files[path] for path in suspects), old)
    known = _known(suspects, before, old, options)
    fresh = []
    for path, near in suspects.items():
        if path in before:
            # A rule that did not finish on the old side does not tell what is new.
            late = options.slow.get(path, ())
            compared = [one for one in by_path[path] if one.source.rule not in late]
            fresh += novelty.introduced(compared, known.get(path, ()), files[path], before[path])
        else:
            fresh += near
    return fresh


def _known(
    suspects: Mapping[str, Sequence[Diagnostic]], before: Mapping[str, ReviewedFile], old: Side, options: Options
) -> dict[str, list[Diagnostic]]:
    """What the old side of the suspect files already has, as far as the same sources find it."""
    sources = [one.source for path in before for one in suspects[path]]
    names = {source.name for source in sources if source.kind is SourceKind.TOOL}
    with_rules = any(source.kind is SourceKind.RULE for source in sources)
    specs = tuple(spec for spec in options.analyzers if spec.name in names)
    known: dict[str, list[Diagnostic]] = {}
    if before:
        only = dataclasses.replace(options, analyzers=specs, rules=options.rules and with_rules)
        for one in _detect(list(before.values()), old, only)[0]:
            known.setdefault(one.path, []).append(one)
    return known


def _from_sarif(
    reported: Iterable[Diagnostic], files: Mapping[str, ReviewedFile], options: Options, notes: list[str]
) -> list[Diagnostic]:
    """Keep the results on changed lines; one about another version of the line is left out and counted."""
    kept, stale = [], 0
    for one in reported:
        path = changed_path(one.path, options.root, files)
        if path is None:
            continue
        located = dataclasses.replace(one, path=path)
        if not novelty.on_changed_lines([located], files[path]):
            continue
        if one.expected is not None and one.expected.strip() != files[path].line_text(one.line).strip():
            stale += 1
            continue
        kept.append(located)
    if stale:
        notes.append(f"{stale} SARIF results are about another version of their lines and were left out.")
    return kept


def _finding(one: Diagnostic, sources: tuple[Source, ...], file: ReviewedFile) -> Finding:
    scope = syntax.enclosing(file.language, file.text, one.line)
    edits = one.edits or mending.edits(one, file)
    fix = suggestion(file.lines, edits) if edits else None
    return Finding(
        path=one.path,
        line=one.line,
        severity=one.severity,
        category=one.category,
        message=printable(one.message),
        line_text=_shown_line(one, file),
        scope=scope.name if scope is not None else "",
        suggestion=None if fix is None else suggestions.check(fix, file.text, file.language.name),
        sources=sources,
        context=printable(one.advice),
        secret=_secret(one, file),
    )


def _secret(one: Diagnostic, file: ReviewedFile) -> str:
    """The secret of a diagnostic that lies within one line; empty where there is none."""
    if not one.secret or not one.column or not one.end_column or one.end_line not in (0, one.line):
        return ""
    return file.line_text(one.line)[one.column - 1 : one.end_column - 1]


def _shown_line(one: Diagnostic, file: ReviewedFile) -> str:
    """The line's text; a secret in it is replaced, because reports are read by more people than the code."""
    line = file.line_text(one.line)
    if not one.secret:
        return line
    if one.column == 0:  # pinned to another line of a secret that spans several
        return _HIDDEN
    end = one.end_column if one.end_line in (0, one.line) and one.end_column else len(line) + 1
    start = max(one.column, 1)
    return line[: start - 1] + _HIDDEN + line[end - 1 :]
