"""Runs the packaged rules on a file within a limit of time.

ast-grep cannot be interrupted within a rule, and some rules take the square of a file's length. So a large file is
scanned in a process of its own, which can be ended, and what it found until then counts. In a small file the slowest
rule takes seconds, and the clock is looked at between rules.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer.evidence import rules
from reviewer.evidence.analyzers import process
from reviewer.evidence.diagnostic import Diagnostic, Edit
from reviewer.evidence.rule_cache import RuleError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    from reviewer.evidence.reviewed import ReviewedFile
    from reviewer.evidence.rule_files import Rule
    from reviewer.evidence.rules import Found

MAX_SECONDS = 10.0
"""Longest time for all rules on one file; those of a usual file of the largest size take half of it."""

_WORKER = "reviewer.evidence.rules_worker"
_LARGE = 64_000  # characters; to start a process takes as long as the rules on 200,000 of them
_NAMED = 3  # rules in a note

Slow = dict[str, set[str]]
"""By path, the rules that did not finish in time on it."""


def scan(
    file: ReviewedFile, folder: Path | None, broken: list[str] | None, slow: Slow, cancelled: threading.Event
) -> Iterator[Diagnostic]:
    """Report what the language's rules find anywhere in a file, as far as they finish in time.

    Args:
        file: What is scanned.
        folder: Folder of the rules; the packaged one by default.
        broken: As for ``rules.scan``.
        slow: Gets the rules that do not finish; those that it names for this path are left out.
        cancelled: Ends the scan of a large file early when set.

    Raises:
        RuleError: A rule file is wrong.
    """
    wanted = [one for one in rules.applicable(file, folder) if one.id not in slow.get(file.path, ())]
    wanted.sort(key=_searches)  # the costly ones last
    if wanted and len(file.text) > _LARGE:
        found = _elsewhere(file, wanted, folder, broken, cancelled)
    else:
        found = _here(file, wanted, broken)
    done = set()
    for rule, some in found:
        done.add(rule.id)
        yield from some
    if late := {rule.id for rule in wanted} - done:
        slow.setdefault(file.path, set()).update(late)


def notes(slow: Slow) -> Iterator[str]:
    """Say for each file which rules did not finish."""
    for path, ids in slow.items():
        names = ", ".join(sorted(ids)[:_NAMED]) + (", …" if len(ids) > _NAMED else "")
        what = "1 built-in rule" if len(ids) == 1 else f"{len(ids)} built-in rules"
        yield f"{path}: {what} did not finish within {MAX_SECONDS:g} seconds and so reported nothing ({names})."


def _searches(rule: Rule) -> int:
    """Count the relations of a rule that are searched beyond the next node."""
    return json.dumps(rule.matcher).count('"stopBy"')


def _here(file: ReviewedFile, wanted: Sequence[Rule], broken: list[str] | None) -> Iterator[Found]:
    ends = time.monotonic() + MAX_SECONDS
    for one in rules.run(file, wanted, broken):
        yield one
        if time.monotonic() > ends:
            return


def _elsewhere(
    file: ReviewedFile,
    wanted: Sequence[Rule],
    folder: Path | None,
    broken: list[str] | None,
    cancelled: threading.Event,
) -> Iterator[Found]:
    by_id = {rule.id: rule for rule in wanted}
    where = str(folder.resolve()) if folder else ""
    job = json.dumps({"path": file.path, "text": file.text, "folder": where, "rules": list(by_id)})
    ended = _ended(job, cancelled)
    if ended is None or (ended.status and not ended.stopped and not ended.out):  # it could not even begin
        yield from _here(file, wanted, broken)
        return
    for line in ended.out.splitlines(keepends=True):
        if line.endswith(b"\n"):  # a process that is ended may leave half a line
            yield _received(json.loads(line), by_id, file.path, broken)


def _ended(job: str, cancelled: threading.Event) -> process.Ended | None:
    """Run the worker to its end; None where it cannot be started."""
    package = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory(prefix="reviewer-") as own:
        content = Path(own, "job.json")
        content.write_text(job, encoding="ascii")
        argv = (sys.executable, "-P", "-m", _WORKER, str(content))
        env = {**os.environ, "PYTHONPATH": package}
        try:
            return process.run(argv, cwd=Path(own), env=env, timeout=MAX_SECONDS, cancelled=cancelled)
        except OSError:
            return None


def _received(reply: Mapping[str, Any], by_id: Mapping[str, Rule], path: str, broken: list[str] | None) -> Found:
    if reply["broken"] and broken is None:
        raise RuleError(reply["broken"][0])
    if broken is not None:
        broken += reply["broken"]
    rule = by_id[reply["rule"]]
    return rule, [_diagnostic(rule, path, one) for one in reply["found"]]


def sent(one: Diagnostic) -> list[Any]:
    """Return what the rule does not say about a match of it, as JSON."""
    edits = [[edit.start, edit.end, edit.text] for edit in one.edits]
    return [one.line, one.column, one.end_line, one.end_column, one.message, one.advice, edits]


def _diagnostic(rule: Rule, path: str, values: Sequence[Any]) -> Diagnostic:
    line, column, end_line, end_column, message, advice, edits = values
    return Diagnostic(
        path,
        line,
        message,
        rule.source,
        rule.severity,
        rule.category,
        column=column,
        end_line=end_line,
        end_column=end_column,
        edits=tuple(Edit(tuple(start), tuple(end), text) for start, end, text in edits),
        aliases=rule.aliases,
        advice=advice,
    )
