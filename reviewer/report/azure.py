"""Azure Pipelines' logging commands: issues on the lines of a change, printed to standard output.

Format and escaping: "Logging commands" in the documentation of Azure DevOps, and ``commandstring.ts`` of the task
library. Azure lists the issues of a job on the run's page; it knows errors and warnings only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.finding import Severity
from reviewer.report import summary, view
from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.finding import Review
    from reviewer.report import RenderOptions


def render(review: Review, options: RenderOptions) -> str:
    """Render one command per shown finding of severity error or warning; everything else is plain text."""
    lines = [*_findings(review), *_totals(review, options)]
    return "\n".join(lines) + "\n"


def _findings(review: Review) -> Iterator[str]:
    for unit in view.units(review):
        for finding in unit.findings:
            text = f"{finding.text} ({' · '.join(finding.tags)}) [{finding.id}]"
            if finding.severity is Severity.INFO:
                yield without_commands(f"{unit.path}:{finding.line}: {text}")
            else:
                kind = "error" if finding.severity is Severity.ERROR else "warning"
                yield _issue(kind, text, sourcepath=unit.path, linenumber=str(finding.line), code=finding.rule)


def _totals(review: Review, options: RenderOptions) -> Iterator[str]:
    unread = {(unit.path, unit.reason or "not read") for unit in view.units(review) if not unit.is_read}
    unread |= set(summary.unread_files(review))
    yield from (without_commands(f"{path}: not reviewed: {reason}") for path, reason in sorted(unread))
    parts = [summary.counts(review), summary.read_share(review), summary.timing(review, options)]
    yield without_commands(" · ".join(parts) if review.units else f"nothing to review in {view.safe(review.subject)}")
    sentence = summary.verdict_sentence(review, options)
    yield from (without_commands(line) for line in (sentence, *map(view.safe, review.notes)) if line)


def _issue(kind: str, message: str, /, **properties: str) -> str:
    listed = "".join(f"{key}={_escaped_property(value)};" for key, value in properties.items() if value)
    return f"##vso[task.logissue type={kind};{listed}]{_escaped(without_commands(message))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(";", "%3B").replace("]", "%5D")
