"""What one open file shows: a review's findings and explanations as diagnostics, hovers and code actions.

Every text comes through ``report.view``: masked, and without deceptive characters.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from reviewer.finding import Mark, Severity, SourceKind
from reviewer.protocols.lsp.lines import Buffer, Tracked, bare
from reviewer.report import view
from reviewer.terminal.masking import remembering

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.finding import Finding, Review
    from reviewer.report.view import FindingView, UnitView

DISMISS, EXPLAIN = "reviewer.dismiss", "reviewer.explain"
_SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


@dataclass(frozen=True, slots=True)
class Document:
    """An open document as the client has it.

    Attributes:
        version: The client's number of this text; None where it has none.
        versioned: Whether the client takes edits of a certain version.
    """

    uri: str
    version: int | None
    buffer: Buffer
    versioned: bool


@dataclass(frozen=True, slots=True)
class _Found:
    finding: Finding
    shown: FindingView


@dataclass(frozen=True, slots=True)
class _Hunk:
    first: int
    last: int
    explanation: str


class Shown:
    """A review of one file, following the edits of the document.

    Args:
        review: The review.
        text: The reviewed text, as git stores it.
        explanations: Whether to show what each part of the change does.
    """

    def __init__(self, review: Review, text: str, *, explanations: bool) -> None:
        review = _unfolded(review)
        with remembering(view.secrets(review)):
            self._found = [_Found(*pair) for pair in zip(review.shown, view.findings(review), strict=True)]
            units = view.units(review) if explanations else ()
        self._hunks = [_hunk(unit) for unit in units if unit.explanation]
        self._lines = Tracked(bare(text))
        self.model = review.usage.model

    def follow(self, text: str) -> None:
        """Take the document's text after an edit."""
        self._lines.follow(bare(text))

    def finding(self, fingerprint: str) -> Finding | None:
        """Return the finding with a fingerprint."""
        return next((one.finding for one in self._found if one.shown.fingerprint == fingerprint), None)

    def place(self, fingerprint: str) -> tuple[Finding, int] | None:
        """Return the finding with a fingerprint, and its line, counted from 0; None if that was edited."""
        found = ((one.finding, at[0]) for one, at in self._placed() if one.shown.fingerprint == fingerprint)
        return next(found, None)

    def diagnostics(self, document: Document) -> list[types.Diagnostic]:
        """Return a diagnostic for each finding whose line was not edited since."""
        return [_diagnostic(one, document.buffer.range(*place)) for one, place in self._placed()]

    def hover(self, document: Document, position: types.Position) -> types.Hover | None:
        """Return what the change around a position does, and the fixes for its line."""
        line = document.buffer.line_at(position)
        fixes = [_fix(one.shown) for one, (first, last) in self._placed() if first <= line <= last]
        for hunk in self._hunks:
            place = self._lines.place(hunk.first, hunk.last)
            if place is not None and place[0] <= line <= place[1]:
                return _hover([hunk.explanation, *fixes], document.buffer.range(*place))
        return _hover(fixes, document.buffer.range(line, line)) if any(fixes) else None

    def actions(self, document: Document, wanted: types.Range) -> list[types.CodeAction]:
        """Return what can be done about the findings in a range."""
        start, end = document.buffer.line_at(wanted.start), document.buffer.line_at(wanted.end)
        here = [one for one, (first, last) in self._placed() if first <= end and start <= last]
        return [action for one in here for action in self._actions(one, document)]

    def _placed(self) -> Iterator[tuple[_Found, tuple[int, int]]]:
        for one in self._found:
            place = self._lines.place(one.finding.line, one.finding.line)
            if place is not None:
                yield one, place

    def _actions(self, one: _Found, document: Document) -> Iterator[types.CodeAction]:
        place = self._lines.place(one.finding.line, one.finding.line)
        assert place is not None  # noqa: S101 - _placed has found it
        about = [_diagnostic(one, document.buffer.range(*place))]
        edit = self._edit(one, document)
        if edit is not None:
            proven = bool(one.shown.proof)
            title = f"Apply the {'proven' if proven else 'suggested'} fix for {one.shown.source}"
            yield types.CodeAction(title, types.CodeActionKind.QuickFix, about, is_preferred=proven, edit=edit)
        for verb, command in (("Explain", EXPLAIN), ("Dismiss", DISMISS)):
            title = f"{verb} this finding of {one.shown.source}"
            call = types.Command(title, command, arguments=[document.uri, one.shown.fingerprint])
            yield types.CodeAction(title, types.CodeActionKind.QuickFix, about, command=call)

    def _edit(self, one: _Found, document: Document) -> types.WorkspaceEdit | None:
        """Return the fix as an edit; None where there is none, or where the document no longer has its lines."""
        fix = one.shown.suggestion
        if fix is None or one.shown.changed:
            return None
        place = self._lines.place(fix.start, fix.end)
        if place is None or bare(document.buffer.text(*place)) != bare(fix.original):
            return None
        edit = document.buffer.replacing(*place, fix.replacement)
        if not document.versioned:
            return types.WorkspaceEdit(changes={document.uri: [edit]})
        name = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(name, [edit])])


def _unfolded(review: Review) -> Review:
    """Show a fault of rules and analyzers on each line that has it; other reports list it once."""

    def unfolded(finding: Finding) -> Finding:
        if finding.source is None or finding.source.kind is SourceKind.MODEL:
            return finding
        return dataclasses.replace(finding, marks=finding.marks - {Mark.DUPLICATE}, also=())

    units = [dataclasses.replace(one, findings=tuple(map(unfolded, one.findings))) for one in review.units]
    return dataclasses.replace(review, units=tuple(units))


def _diagnostic(one: _Found, where: types.Range) -> types.Diagnostic:
    source, shown = one.finding.source, one.shown
    name = source.name if source is not None else shown.source
    rule = source.rule if source is not None else ""
    link = types.CodeDescription(shown.url) if shown.url.startswith(("https://", "http://")) else None
    data: dict[str, Any] = {"id": shown.fingerprint}
    return types.Diagnostic(
        range=where,
        message=shown.sentences,
        severity=_SEVERITIES[shown.severity],
        code=view.safe(rule) or shown.category,
        code_description=link,
        source=f"reviewer ({view.safe(name)})",
        data=data,
    )


def _hunk(unit: UnitView) -> _Hunk:
    """Return the changed lines of a unit; all its lines where it only deletes some."""
    changed = [line.new for line in unit.lines if line.new is not None and line.kind != " "]
    numbers = changed or [line.new for line in unit.lines if line.new is not None] or [unit.start]
    return _Hunk(min(numbers), max(numbers), unit.explanation)


def _fix(shown: FindingView) -> str:
    if shown.suggestion is None:
        return ""
    return f"{view.heading(shown.suggestion)}:\n{shown.suggestion.replacement or '(delete the line)'}"


def _hover(parts: Sequence[str], where: types.Range) -> types.Hover:
    """Return a hover as plain text: a model's reply could hold links and pictures."""
    text = "\n\n".join(part for part in parts if part)
    return types.Hover(types.MarkupContent(types.MarkupKind.PlainText, text), where)
