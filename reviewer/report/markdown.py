"""The report as GitHub-flavoured Markdown: for step summaries, comments and files. GitLab reads it too.

Text of the diff or the model never becomes markup, a link, a mention, a reference or a quick action: prose is escaped,
code is put in fences and spans longer than any run of backticks in it.
"""

from __future__ import annotations

import dataclasses
import html
import re
from typing import TYPE_CHECKING

from reviewer.diff import SourceLine
from reviewer.report import excerpt, summary, view

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from reviewer.finding import Review, Suggestion
    from reviewer.report import RenderOptions
    from reviewer.report.excerpt import Row
    from reviewer.report.view import FindingView, UnitView

_APART = "&#8203;"  # zero-width space: breaks up mentions, references and links
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_PUNCTUATION = re.compile(r"([\\`*_\[\]~|])")
_LINKING = re.compile(
    r"(?i)(?<=[@#!])(?=\w)|(?<![^\s(][%&$~])(?<=[%&$~])(?=\w)|(?<=\w)(?=://)|(?<=www)(?=\.)|(?<=GH)(?=-\d)"
)
_BLOCK = re.compile(r"^([#>+=/-]|\d+(?=[.)]))")  # begins a heading, a quote, a list, a quick action of GitLab
_BACKTICKS = re.compile(r"`+")


def render(review: Review, options: RenderOptions) -> str:
    """Render a review as Markdown; ends with a newline."""
    blocks = [f"## Review of {prose(view.safe(review.subject))}", *_head(review, options), *_summary(review)]
    for unit in view.units(review):
        if unit.findings:
            blocks.extend(_unit(unit, options))
    blocks.extend(_explanations(review, options))
    blocks.extend(_coverage(review))
    return "\n\n".join(blocks) + "\n"


def overview(title: str, review: Review, options: RenderOptions, elsewhere: Container[str]) -> Iterator[str]:
    """The report in blocks, for a comment beside comments on lines.

    Args:
        title: The heading.
        review: What to report.
        options: How to render it.
        elsewhere: The ids of findings that have a comment of their own; they take one line each here.
    """
    yield f"## {prose(view.safe(title))}"
    yield from _head(review, options, timed=False)  # the same review is the same text
    yield from _purpose(review)
    listed = [found for found in view.findings(review) if found.id in elsewhere]
    if listed:
        yield "\n".join(f"- {code_span(f'{found.path}:{found.line}')} {_headline(found)}" for found in listed)
    for unit in view.units(review):
        rest = tuple(found for found in unit.findings if found.id not in elsewhere)
        if rest:
            yield from _unit(dataclasses.replace(unit, findings=rest), options)
    yield from _explanations(review, options)
    yield from _coverage(review)


def finding(found: FindingView, *tags: str) -> Iterator[str]:
    """One finding without its suggestion, in blocks; ``tags`` are further ones, as Markdown."""
    more = f" <{found.url}>" if _is_plain_url(found.url) else ""
    yield f"{_headline(found, *tags)}{more}"
    if found.context:
        yield prose(found.context)


def suggestion_diff(suggestion: Suggestion) -> Iterator[str]:
    """A suggestion as a diff below its heading."""
    # Not a "suggestion" block: a click would commit it, perhaps on another line than the one that was checked.
    yield suggestion_heading(suggestion)
    yield _diff(excerpt.suggestion_rows(suggestion))


def suggestion_heading(suggestion: Suggestion) -> str:
    """What a suggestion is and how well it was checked."""
    return f"{prose(view.heading(suggestion))}:"


def prose(text: str) -> str:
    """Return one line of untrusted prose as inert Markdown; balanced code spans in it stay code."""
    pieces = _CODE.split(text)
    escaped = "".join(code_span(piece) if index % 2 else _escaped(piece) for index, piece in enumerate(pieces))
    return _BLOCK.sub(_without_block, escaped)


def code_span(text: str) -> str:
    """Return untrusted text as a code span."""
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fence(text: str, language: str) -> str:
    """Return untrusted lines as a code block."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _head(review: Review, options: RenderOptions, *, timed: bool = True) -> Iterator[str]:
    if not review.units:
        yield "Nothing to review."
    else:
        model = view.safe(review.usage.model)
        parts = [
            f"**{summary.counts(review)}**",
            f"{summary.read_share(review)} in {summary.extent(review).partition(' in ')[2]}",
            *([code_span(model)] if model else []),
            *([summary.timing(review, options)] if timed else []),
        ]
        yield " · ".join(parts)
    sentence = summary.verdict_sentence(review, options)
    if sentence:
        yield sentence
    for note in review.notes:
        yield f"> **Note:** {prose(view.safe(note))}"


def _summary(review: Review) -> Iterator[str]:
    """The change as a whole, with the commit message folded."""
    yield from _purpose(review)
    whole = view.change_summary(review)
    if whole is not None and whole.message:
        yield from _folded("Suggested commit message", fence(whole.message, "text"))


def _purpose(review: Review) -> Iterator[str]:
    whole = view.change_summary(review)
    if whole is not None and whole.text:
        yield f"**What the change does:** {prose(whole.text)}"
        if whole.risk is not None:
            yield f"**Risk {whole.risk}:** {prose(whole.reason)}"
        yield f"**Start at** {code_span(whole.place)}"


def _unit(unit: UnitView, options: RenderOptions) -> Iterator[str]:
    scope = f" in {code_span(unit.scope)}" if unit.scope else ""
    yield f"### {code_span(f'{unit.path}:{unit.line}')}{scope}"
    if unit.explanation and options.show_explanations:
        yield prose(unit.explanation)
    yield _diff(excerpt.rows(unit))
    for found in unit.findings:
        yield from finding(found, f"line {found.line}", f"`{found.id}`")
        if found.suggestion is not None:
            yield from suggestion_diff(found.suggestion)


def _headline(found: FindingView, *tags: str) -> str:
    severity, *others = found.tags
    return f"{' · '.join((f'**{severity}**', *map(prose, others), *tags))}: {prose(found.message)}"


def _is_plain_url(url: str) -> bool:
    """Whether a rule's URL is safe in Markdown without escaping; others are left out."""
    return re.fullmatch(r"https://[A-Za-z0-9.-]+/[\w./#?=&%-]*", url, re.ASCII) is not None


def _diff(rows: Sequence[Row]) -> str:
    return fence("\n".join(_diff_lines(rows)), "diff")


def _diff_lines(rows: Sequence[Row]) -> Iterator[str]:
    """The rows, with a hunk heading wherever the line numbers jump."""
    heading = True
    for row in rows:
        if not isinstance(row, SourceLine):
            heading = True
            continue
        if heading:
            yield f"@@ line {row.new if row.new is not None else row.old} @@"
            heading = False
        yield row.kind.value + row.text


def _explanations(review: Review, options: RenderOptions) -> Iterator[str]:
    """Explanations of the units without findings, folded."""
    if not options.show_explanations:
        return
    items = [
        f"- {code_span(f'{unit.path}:{unit.line}')}: {prose(unit.explanation)}"
        for unit in view.units(review)
        if unit.explanation and not unit.findings
    ]
    if items:
        yield from _folded("What the other hunks do" if review.shown else "What the change does", "\n".join(items))


def _coverage(review: Review) -> Iterator[str]:
    """What was not read, then, folded, what was skipped or hidden."""
    unread = [f"- {code_span(place)}: {prose(reason)}" for place, reason in summary.not_read(review)]
    if unread:
        yield "**Not read**"
        yield "\n".join(unread)
    items = [
        f"- {prose(reason)}: {', '.join((*map(code_span, paths), *more))}"
        for reason, paths, more in summary.skipped(review)
    ]
    hidden = summary.hidden(review)
    if hidden:
        items.append(f"- hidden: {hidden}")
    if items:
        yield from _folded("Skipped and hidden", "\n".join(items))


def _folded(title: str, body: str) -> Iterator[str]:
    # Blank lines around the body turn Markdown on again inside the HTML.
    yield f"<details>\n<summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def _escaped(text: str) -> str:
    parted = _LINKING.sub("\0", text)
    escaped = _PUNCTUATION.sub(r"\\\1", html.escape(parted, quote=False)).replace("$", "&#36;")
    return escaped.replace("\0", _APART)


def _without_block(match: re.Match[str]) -> str:
    return f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
