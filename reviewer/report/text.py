"""The report for a terminal or a log: annotated source, then one line with the totals.

Nothing is expressed by colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from reviewer.diff import LineKind, SourceLine
from reviewer.finding import RiskLevel, Severity
from reviewer.report import excerpt, stat, summary, view
from reviewer.report.styled import Line, Span, cut, paint, wrap
from reviewer.terminal import links
from reviewer.terminal.masking import without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.finding import Review, Suggestion
    from reviewer.report import RenderOptions
    from reviewer.report.excerpt import Row
    from reviewer.report.view import FindingView, UnitView

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_RISK_STYLES = {RiskLevel.HIGH: "bold red", RiskLevel.MEDIUM: "bold yellow", RiskLevel.LOW: ""}
_SIGN_STYLES = {LineKind.ADDED: "green", LineKind.REMOVED: "red", LineKind.CONTEXT: ""}
_QUIET = "dim"
_MIN_SCOPE = 12  # cells; less of a scope is not worth showing
_PROSE = 100  # columns; longer lines of prose are hard to read


def render(review: Review, options: RenderOptions) -> str:
    """Render a review as text; ends with a newline."""
    lines: list[Line] = [*_head(review, options, is_clean=not review.shown), *_summary(review, options)]
    body = [(), *stat.lines(review, options)] if options.stat and review.units else list(_units(review, options))
    lines.extend(body)
    tail = list(_tail(review, options))
    if body and tail:
        lines.append(())
    lines.extend(tail)
    return paint(lines, color=options.color, ascii_only=options.ascii) + "\n"


def _head(review: Review, options: RenderOptions, *, is_clean: bool) -> Iterator[Line]:
    name = ("reviewer", "bold")
    if not review.units:
        text = f"{'nothing read' if review.is_incomplete else 'nothing to review'} in {view.safe(review.subject)}"
        yield from _wrapped((name, ("  ", "")), text, _prose_width(options), "")
    elif is_clean:
        text = f"{summary.extent(review)}: {summary.counts(review)} · {summary.timing(review, options)}"
        yield from _wrapped((name, ("  ", "")), text, _prose_width(options), "")
    else:
        model = view.safe(review.usage.model)
        parts = [summary.extent(review), *([model] if model else []), summary.timing(review, options)]
        yield from _wrapped((name, ("  ", "")), " · ".join(parts), _prose_width(options), "")
    for note in review.notes:
        yield from _wrapped((("note: ", "bold"),), view.safe(note), _prose_width(options), "")


def _summary(review: Review, options: RenderOptions) -> Iterator[Line]:
    """The change as a whole: what it does, what could break, where to start reading."""
    whole = view.change_summary(review)
    if whole is None or not whole.text:
        return
    width = _prose_width(options)
    yield ()
    yield from _wrapped((("  ", ""),), whole.text, width, "")
    if whole.risk is not None:
        label = (f"risk {whole.risk.value}", _RISK_STYLES[whole.risk])
        yield from _wrapped((("  ", ""), label, (": ", "")), whole.reason, width, "")
    path, _, _ = whole.place.rpartition(":")
    yield (("  start at ", _QUIET), (without_commands(whole.place), _linked("bold", path, options)))


def _units(review: Review, options: RenderOptions) -> Iterator[Line]:
    for unit in view.units(review):
        if unit.findings or (unit.explanation and options.show_explanations):
            yield ()
            yield from _unit(unit, options)


def _unit(unit: UnitView, options: RenderOptions) -> Iterator[Line]:
    scope = f"  in {unit.scope}" if unit.scope else ""
    place = without_commands(f"{unit.path}:{unit.line}")
    room = options.width - cell_len(place)
    yield ((place, _linked("bold", unit.path, options)), (cut(scope, room) if room > _MIN_SCOPE else "", _QUIET))
    if options.show_explanations and unit.explanation:
        yield from _wrapped((("  ", ""),), unit.explanation, _prose_width(options), "")
    yield ()
    numbers = _number_width(unit)
    waiting = list(unit.findings)
    for row in excerpt.rows(unit):
        yield _row(row, numbers, options)
        here = [one for one in waiting if isinstance(row, SourceLine) and row.new == one.line]
        waiting = [one for one in waiting if one not in here]
        for finding in here:
            yield from _finding(finding, numbers, options)
    for finding in waiting:
        yield from _finding(finding, numbers, options, elsewhere=True)


def _row(row: Row, numbers: int, options: RenderOptions) -> Line:
    if not isinstance(row, SourceLine):
        return ((f"{'⋮':>{numbers}} │ {summary.plural(row, 'line')} not shown", _QUIET),)
    number = row.old if row.kind is LineKind.REMOVED else row.new
    gutter = f"{number if number is not None else '':>{numbers}} │"
    # In ASCII the ellipsis takes three cells.
    text = cut(row.text, options.width - cell_len(gutter) - 1 - (2 if options.ascii else 0))
    return ((gutter, _QUIET), (f"{row.kind.value}{text}", _SIGN_STYLES[row.kind]))


def _finding(finding: FindingView, numbers: int, options: RenderOptions, *, elsewhere: bool = False) -> Iterator[Line]:
    """The finding under its line: tags, message and id, then what it means here, its source, and a fix."""
    indent = " " * (numbers + 1)
    tags = f"{finding.severity.value} · {finding.category}" + (f" · line {finding.line}" if elsewhere else "")
    mark = f"[{finding.id}]"
    room = _prose_width(options) - len(indent) - 2
    first = room - len(tags) - 3 - len(mark) - 2
    message, *rest = wrap(finding.message, room, first)
    message = f"   {message}" if message else ""
    gap = " " * max(1, room - len(tags) - cell_len(message) - len(mark))
    style = _STYLES[finding.severity]
    yield ((f"{indent}└ ", style), (tags, style), (f"{message}{gap}", ""), (mark, _QUIET))
    below = [*rest, *(wrap(finding.context, room) if finding.context else ())]
    yield from (((f"{indent}  {line}", ""),) for line in below)
    yield from (((f"{indent}  {line}", _QUIET),) for line in _origin(finding, room))
    if finding.suggestion is not None:
        yield from _suggestion(finding.suggestion, numbers, options)


def _origin(finding: FindingView, room: int) -> list[str]:
    """What reported the finding and the rule's URL, which is never broken, so that a terminal can link it."""
    if not finding.is_named:
        return []
    joined = f"{finding.source}  {finding.url}".rstrip()
    if cell_len(joined) <= room:
        return [without_commands(joined)]
    return [*wrap(finding.source, room), *([without_commands(finding.url)] if finding.url else ())]


def _suggestion(suggestion: Suggestion, numbers: int, options: RenderOptions) -> Iterator[Line]:
    indent = ((" " * (numbers + 3), ""),)
    yield from _wrapped(indent, f"{view.heading(suggestion)}:", _prose_width(options), "")
    for row in excerpt.suggestion_rows(suggestion):
        yield _row(row, 2 * numbers + 3, options)  # indented, to set it apart from the file's own lines


def _tail(review: Review, options: RenderOptions) -> Iterator[Line]:
    """What was not read, skipped or hidden, then the totals and the verdict."""
    width = _prose_width(options)
    for place, reason in summary.not_read(review):
        yield from _wrapped((("not read  ", "bold yellow"),), f"{place}: {reason}", width, "")
    for reason, paths, more in summary.skipped(review):
        yield from _wrapped((("skipped   ", _QUIET),), f"({reason}) {', '.join((*paths, *more))}", width, _QUIET)
    hidden = summary.hidden(review)
    if hidden:
        yield from _wrapped((("hidden    ", _QUIET),), hidden, width, _QUIET)
    if review.shown:
        worst = max((finding.severity for finding in review.shown), key=lambda severity: severity.rank)
        counted = (summary.counts(review), _STYLES[worst])
        yield from _closing(counted, f"· {summary.read_share(review)}", summary.offers(review, options), width)
    sentence = summary.verdict_sentence(review, options)
    if sentence:
        yield from _wrapped((), sentence, width, "")


def _closing(counted: Span, share: str, offers: tuple[str, ...], width: int) -> Iterator[Line]:
    """The totals and the offered commands, on a line of their own where a command would be broken."""
    offered = "".join(f" · {offer}" for offer in offers)
    if cell_len(counted[0]) + 1 + cell_len(share + offered) <= width:
        yield (counted, (f" {share}{offered}", ""))
        return
    yield from _wrapped((counted, (" ", "")), share, width, "")
    together = " · ".join(offers)
    for line in (together,) if cell_len(together) <= width else offers:
        yield ((line, ""),)


def _wrapped(prefix: Line, text: str, width: int, style: str) -> Iterator[Line]:
    """Prose behind a prefix, continued below the first word."""
    indent = sum(cell_len(part) for part, _ in prefix)
    first, *rest = wrap(text, width - indent)
    yield (*prefix, (first, style))
    for line in rest:
        yield ((" " * indent + line, style),)


def _linked(style: str, path: str, options: RenderOptions) -> str:
    """A style with a link to a file."""
    address = links.url(options.root, path) if options.root is not None else ""
    return f"{style} link {address}" if address else style


def _number_width(unit: UnitView) -> int:
    numbers = [number for line in unit.lines for number in (line.old, line.new) if number is not None]
    return max(4, len(str(max(numbers, default=0))))


def _prose_width(options: RenderOptions) -> int:
    return min(options.width, _PROSE)
