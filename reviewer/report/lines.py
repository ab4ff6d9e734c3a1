"""One line per finding: ``path:line:column: severity: message [source] (proven fix)``, as compilers print errors.

Editors and problem matchers read it. The column is always 1: findings concern whole lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.report import view
from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.finding import Review
    from reviewer.report import RenderOptions


def render(review: Review, _options: RenderOptions) -> str:
    """Render the shown findings and what was not read; an empty line where there is neither."""
    return "\n".join(map(without_commands, _lines(review))) + "\n"


def _lines(review: Review) -> Iterator[str]:
    for finding in view.findings(review):
        fix = finding.suggestion
        claim = f" ({'proven' if fix.proof else 'suggested'} {fix.kind.value}: {finding.id})" if fix is not None else ""
        place = f"{finding.path}:{finding.line}:1"
        yield f"{place}: {finding.severity.value}: {finding.sentences} [{finding.source}]{claim}"
    for one in view.unread(review):
        yield f"{one.path}:{one.start}:1: info: Not reviewed: {one.reason} [reviewer]"
