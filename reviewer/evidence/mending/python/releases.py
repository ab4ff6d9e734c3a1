"""Fixes of what is not undone after an error: locks, and the end of a context manager."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.blocks import STEP, as_with, calls_method, indented, movable, removed
from reviewer.evidence.mending.python.tree import FUNCTIONS, dotted

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def locked(code: Code, one: Diagnostic) -> Edits:
    """Hold a lock with ``with`` instead of ``acquire`` and ``release``."""
    taken = next((node for node in code.at(one) if isinstance(node, ast.Expr)), None)
    call = None if taken is None else taken.value
    awaited = isinstance(call, ast.Await)
    call = call.value if isinstance(call, ast.Await) else call
    place = None if taken is None else code.block(taken)
    if taken is None or place is None or not isinstance(call, ast.Call) or call.args or call.keywords:
        return ()
    lock = dotted(call.func).removesuffix(".acquire")
    rest = place[0][place[1] + 1 :]
    end = next((index for index, node in enumerate(rest) if calls_method(node, f"{lock}.release")), None)
    if not end or not lock:
        return ()
    inside = rest[:end]
    early = [node for part in inside for node in ast.walk(part) if calls_method(node, f"{lock}.release")]
    if not all(isinstance(node, ast.stmt) and _leaves_next(code, node) for node in early):
        return ()
    gone = {code.start(node)[0] for node in early}
    edits = as_with(code, taken, f"{'async ' if awaited else ''}with {lock}:", inside, rest[end])
    if not edits or any(not code.alone(node) for node in early if isinstance(node, ast.stmt)):
        return ()
    kept = [edit for edit in edits if edit.start[0] not in gone or edit.text != STEP]
    return (*kept, *(edit for node in early if isinstance(node, ast.stmt) for edit in removed(code, node)))


def _leaves_next(code: Code, node: ast.stmt) -> bool:
    place = code.block(node)
    after = () if place is None else place[0][place[1] + 1 : place[1] + 2]
    return any(isinstance(one, (ast.Return, ast.Raise, ast.Continue, ast.Break)) for one in after)


def restored(code: Code, one: Diagnostic) -> Edits:
    """Put what follows a ``yield`` of a context manager into ``finally``."""
    found = next((node for node in code.at(one) if isinstance(node, ast.stmt)), None)
    place = None if found is None else code.block(found)
    if found is None or place is None:
        return ()
    after = place[0][place[1] + 1 :]
    first, last = code.start(found)[0], code.end(found)[0]
    if not after or not all(code.alone(node) for node in (found, *after)):
        return ()
    end = code.end(after[-1])[0]
    if not movable(code, first, last) or any(isinstance(node, (ast.Return, *FUNCTIONS)) for node in after):
        return ()
    if not movable(code, last + 1, end):
        return ()
    indent = code.indent(found)
    head, *others = indented(code, last + 1, end)
    finally_ = Edit(head.start, head.end, f"{indent}finally:\n{STEP}")
    return (Edit((first, 1), (first, 1), f"{indent}try:\n"), *indented(code, first, last), finally_, *others)
