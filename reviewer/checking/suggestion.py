"""Suggestions tried on the reviewed text in memory before they are shown."""

from __future__ import annotations

import dataclasses

from reviewer.checking.indentation import adapt
from reviewer.diff import source_lines
from reviewer.finding import Mark, Suggestion
from reviewer.syntax import new_errors

_BYTE_ORDER_MARK = "\ufeff"
# Python counts more as white space, such as U+2028; in code those are characters to keep.
_BLANK = " \t\n"
_INDENT = " \t\x0c"


def line_fix(text: str, line: int, replacement: str) -> Suggestion:
    """Make a suggestion that replaces one line, with that line's own indentation where the model left it out."""
    original = _lines(text)[line - 1] if 1 <= line <= len(_lines(text)) else ""
    mark = _BYTE_ORDER_MARK if original.startswith(_BYTE_ORDER_MARK) else ""  # part of the file, not of the code
    code = _reindent(_plain(replacement).removeprefix(_BYTE_ORDER_MARK), original.removeprefix(mark))
    return Suggestion(line, line, mark + adapt(code, text), original)


def fitted(code: str, placeholder: str, text: str) -> str:
    """Bring the model's lines to the placeholder's indentation, those below it as the file is indented."""
    lines = _plain(code).strip("\n").rstrip(_BLANK).split("\n")
    own, wanted = _indent(lines[0]), _indent(placeholder)
    # A model often starts flush and indents the rest as in the file.
    flush = not own and len(lines) > 1 and all(line.startswith(wanted) for line in lines[1:] if line.strip())
    rest = (
        lines[1:]
        if flush and wanted
        else [wanted + line.removeprefix(own) if line.strip() else "" for line in lines[1:]]
    )
    return adapt("\n".join([wanted + lines[0].removeprefix(own), *rest]), text)


def check(suggestion: Suggestion, text: str, language: str) -> Suggestion:
    """Mark a suggestion that does not apply, changes nothing, or breaks the syntax of ``text``."""
    after = apply(text, suggestion)
    if after is None:
        return _marked(suggestion, Mark.DOES_NOT_APPLY)
    # In a shell script, `x = 1` runs a command and `x=1` sets a variable.
    same = language != "shell" and _blank_free(suggestion.original) == _blank_free(suggestion.replacement)
    if same or after == text:
        return _marked(suggestion, Mark.NO_CHANGE)
    if (new_errors(language, text, after) or 0) > 0:
        return _marked(suggestion, Mark.DOES_NOT_PARSE)
    return suggestion


def apply(text: str, suggestion: Suggestion) -> str | None:
    """Replace the suggestion's lines in ``text``, keeping its line endings; None where they are not there."""
    lines = source_lines(text)
    start, end = suggestion.start - 1, suggestion.end
    if not 0 <= start < end <= len(lines):
        return None
    if "\n".join(_bare(line) for line in lines[start:end]) != suggestion.original:
        return None
    # A last line without an ending takes that of the line before it.
    ended = next((line for line in reversed(lines[max(0, start - 1) : start + 1]) if line.endswith("\n")), "\n")
    newline = "\r\n" if ended.endswith("\r\n") else "\n"
    new = [line + newline for line in suggestion.replacement.split("\n")] if suggestion.replacement else []
    if new and not lines[end - 1].endswith("\n"):
        new[-1] = new[-1].removesuffix(newline)
    return "".join((*lines[:start], *new, *lines[end:]))


def _plain(code: str) -> str:
    """Drop the model's line endings: the file's are used."""
    return code.replace("\r\n", "\n")


def _marked(suggestion: Suggestion, mark: Mark) -> Suggestion:
    return dataclasses.replace(suggestion, marks=suggestion.marks | {mark})


def _lines(text: str) -> list[str]:
    return [_bare(line) for line in source_lines(text)]


def _bare(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _reindent(replacement: str, original: str) -> str:
    """Give ``replacement`` the indentation of ``original`` where its first line has none."""
    indent = _indent(original)
    lines = replacement.rstrip(_BLANK).split("\n")
    if not indent or lines[0][:1] in _INDENT:
        return "\n".join(lines)
    return "\n".join(indent + line if line.strip() else line for line in lines)


def _indent(text: str) -> str:
    first = text.partition("\n")[0]
    return first[: len(first) - len(first.lstrip(_INDENT))]


def _blank_free(text: str) -> str:
    return text.translate(dict.fromkeys(map(ord, _BLANK + "\r")))
