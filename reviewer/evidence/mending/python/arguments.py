"""Arguments of the call that is reported: add one, change one, remove one."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def call_at(code: Code, one: Diagnostic) -> ast.Call | None:
    """The innermost call that spans what a report names."""
    return next((node for node in code.at(one) if isinstance(node, ast.Call)), None)


def with_argument(code: Code, call: ast.Call, text: str) -> Edits:
    """Add an argument to a call, on a line of its own where the others are."""
    given = sorted([*call.args, *call.keywords], key=code.end)
    if not given:
        line, column = code.end(call)
        return (Edit((line, column - 1), (line, column - 1), text),)
    if len(given) == 1 and isinstance(given[0], ast.GeneratorExp):
        return ()
    end = code.end(given[-1])
    own_line = code.start(given[-1])[0] != code.start(call)[0] and code.end(call)[0] != end[0]
    return (Edit(end, end, f",\n{code.indent(given[-1])}{text}" if own_line else f", {text}"),)


def added(text: str) -> Callable[[Code, Diagnostic], Edits]:
    """Make a fixer that adds an argument to the reported call."""

    def add(code: Code, one: Diagnostic) -> Edits:
        call = call_at(code, one)
        if call is None or any(keyword.arg in (None, text.partition("=")[0]) for keyword in call.keywords):
            return ()
        return with_argument(code, call, text)

    return add


def with_value(code: Code, one: Diagnostic, name: str, text: str) -> Edits:
    """Give a keyword argument of the reported call another value."""
    call = call_at(code, one)
    for keyword in call.keywords if call is not None else ():
        if keyword.arg == name:
            return (code.replace(keyword.value, text),)
    return ()


def without_argument(code: Code, keyword: ast.keyword) -> Edits:
    """Remove a keyword argument with the comma before it."""
    call = code.parent(keyword)
    if not isinstance(call, ast.Call):
        return ()
    given = sorted([*call.args, *call.keywords], key=code.start)
    at = given.index(keyword)
    start = code.end(given[at - 1]) if at else code.start(keyword)
    end = code.end(keyword) if at or len(given) == 1 else code.start(given[1])
    return (Edit(start, end, ""),)
