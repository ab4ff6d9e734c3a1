"""GitHub workflow commands: annotations on the lines of a pull request, printed to standard output.

Format and escaping: "Workflow commands for GitHub Actions" in GitHub's documentation, and ``toCommandValue`` and
``toCommandProperty`` of actions/toolkit. GitHub shows ten annotations of a level per step; the rest stays in the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.finding import Severity
from reviewer.report import summary, view
from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from reviewer.finding import Review
    from reviewer.report import RenderOptions
    from reviewer.report.view import FindingView

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(review: Review, options: RenderOptions) -> str:
    """Render one command per shown finding, one per file and reason of what was not read, and the totals."""
    commands: list[str] = []
    unread: set[tuple[str, str]] = set()
    for unit in view.units(review):
        commands.extend(
            _command(_LEVELS[finding.severity], finding.text, **_where(unit.path, finding)) for finding in unit.findings
        )
        if not unit.is_read and (unit.path, unit.reason) not in unread:
            unread.add((unit.path, unit.reason))  # one for all units of a file with the same reason
            place = {"file": unit.path, "line": str(unit.start), "endLine": str(unit.end), "title": "not reviewed"}
            commands.append(_command("notice", unit.reason or "not read", **place))
    for path, reason in summary.unread_files(review):
        commands.append(_command("notice", reason, file=path, line="1", title="not reviewed"))
    commands.append(_command("notice", _summary(review, options), title="reviewer"))
    return "\n".join(commands) + "\n"


def _where(path: str, finding: FindingView) -> dict[str, str]:
    end = finding.line
    if finding.suggestion and finding.suggestion.start <= finding.line <= finding.suggestion.end:
        end = finding.suggestion.end
    title = f"{' · '.join(finding.tags)} [{finding.id}]"
    return {"file": path, "line": str(finding.line), "endLine": str(end), "title": title}


def _summary(review: Review, options: RenderOptions) -> str:
    if not review.units:
        return f"{'nothing read' if review.is_incomplete else 'nothing to review'} in {view.safe(review.subject)}"
    parts = [summary.counts(review), summary.read_share(review), summary.timing(review, options)]
    sentence = summary.verdict_sentence(review, options)
    lines = [" · ".join(parts), *([sentence] if sentence else []), *map(view.safe, review.notes)]
    return "\n".join(lines)


def _command(name: str, message: str, /, **properties: str) -> str:
    listed = ",".join(f"{key}={_escaped_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{_escaped(without_commands(message))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
