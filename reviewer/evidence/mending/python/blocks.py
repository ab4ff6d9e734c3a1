"""Statements that are moved into a block: ``with`` around them, another indentation, none of them left behind."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.evidence.diagnostic import Edits
    from reviewer.evidence.mending.python.tree import Code

STEP = "    "


def as_with(code: Code, begin: ast.stmt, head: str, inside: Sequence[ast.stmt], end: ast.stmt | None) -> Edits:
    """Turn a statement into the head of a ``with`` around others, and remove the one that ended it."""
    first, last = code.end(begin)[0] + 1, code.end(inside[-1])[0]
    alone = all(code.alone(node) for node in (begin, *inside, *([end] if end else [])))
    if not alone or not movable(code, first, last):
        return ()
    edits = (code.replace(begin, head), *indented(code, first, last))
    return edits if end is None else (*edits, *removed(code, end))


def indented(code: Code, first: int, last: int) -> Edits:
    """Indent lines by a step."""
    lines = (line for line in range(first, last + 1) if code.lines[line - 1].strip())
    return tuple(Edit((line, 1), (line, 1), STEP) for line in lines)


def removed(code: Code, statement: ast.stmt) -> Edits:
    """Remove the lines of a statement."""
    line = code.start(statement)[0]
    return (Edit((line, 1), (code.end(statement)[0] + 1, 1), ""),)


def movable(code: Code, first: int, last: int) -> bool:
    """Whether lines may be indented: a text over several lines would change."""
    return not any('"""' in line or "'''" in line or "\t" in line for line in code.lines[first - 1 : last])


def calls_method(node: ast.AST, name: str) -> bool:
    """Whether a statement only calls a function of this name, without arguments."""
    call = node.value if isinstance(node, ast.Expr) else None
    call = call.value if isinstance(call, ast.Await) else call
    return isinstance(call, ast.Call) and dotted(call.func) == name and not call.args and not call.keywords


def mentions(node: ast.AST, name: str) -> list[ast.Name]:
    """The uses of a name within a node."""
    return [one for one in ast.walk(node) if isinstance(one, ast.Name) and one.id == name]
