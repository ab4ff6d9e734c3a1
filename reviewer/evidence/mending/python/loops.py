"""Fixes of loops: what they run over, the step that they skip, the last batch."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.blocks import STEP, mentions
from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def over_copy(code: Code, one: Diagnostic) -> Edits:
    """Loop over a copy of what the loop removes from."""
    changed = next(code.at(one), None)
    statement = None if changed is None else code.statement(changed)
    text = "" if statement is None else code.source(statement)
    found = re.match(r"(?:del\s+([\w.]+)\[|(?:[\w, ]+=\s*)?([\w.]+)\.(?:remove|discard|pop|popitem)\()", text)
    if found is None:
        return ()
    name = found[1] or found[2]
    for loop in code.above(statement):
        if isinstance(loop, ast.For):
            source = code.source(loop.iter)
            if source in (name, *(f"{name}.{part}()" for part in ("keys", "values", "items"))):
                return (code.replace(loop.iter, f"list({name if source == f'{name}.keys()' else source})"),)
    return ()


def step_before(code: Code, one: Diagnostic) -> Edits:
    """Take the loop's step also where the rest is skipped."""
    loop = next((node for node in code.at(one) if isinstance(node, ast.While)), None)
    step = loop.body[-1] if loop is not None else None
    if loop is None or not isinstance(step, ast.AugAssign):
        return ()
    skips = [node for node in ast.walk(loop) if isinstance(node, ast.Continue)]
    skips = [
        node
        for node in skips
        if next((up for up in code.above(node) if isinstance(up, (ast.While, ast.For))), 0) is loop
    ]
    if len(skips) != 1 or not code.alone(skips[0]):
        return ()
    place = code.block(skips[0])
    before = place[0][: place[1]] if place else []
    if any(
        dotted(step.target) in code.source(node) for node in before if isinstance(node, (ast.AugAssign, ast.Assign))
    ):
        return ()
    at = code.start(skips[0])
    return (Edit(at, at, f"{code.source(step)}\n{code.indent(skips[0])}"),)


def listed(code: Code, one: Diagnostic) -> Edits:
    """Keep the values of what can be run through only once."""
    made = next((node for node in code.at(one) if isinstance(node, ast.Assign)), None)
    if made is None:
        return ()
    text = code.source(made.value)
    if isinstance(made.value, ast.GeneratorExp):
        return (code.replace(made.value, f"[{text[1:-1]}]"),)
    return (code.replace(made.value, f"list({text})"),) if isinstance(made.value, ast.Call) else ()


def flushed(code: Code, one: Diagnostic) -> Edits:
    """Handle the last batch after the loop, as the loop does with a full one."""
    loop = next((node for node in code.at(one) if isinstance(node, (ast.For, ast.AsyncFor, ast.While))), None)
    if loop is None:
        return ()
    for test in (node for node in loop.body if isinstance(node, ast.If) and not node.orelse):
        reset = next((node for node in test.body if (name := _emptied(node)) and mentions(test.test, name)), None)
        work = [node for node in test.body if node is not reset]
        if reset is None or not work or not all(code.alone(node) and node.lineno == node.end_lineno for node in work):
            continue
        own = {name.id for target in _targets(loop) for name in ast.walk(target) if isinstance(name, ast.Name)}
        if any(mentions(node, name) for node in work for name in own):
            return ()
        indent, line = code.indent(loop), code.end(loop)[0]
        text = "".join(f"\n{indent}{STEP}{code.source(node)}" for node in work)
        end = (line, len(code.lines[line - 1]) + 1)
        return (Edit(end, end, f"\n{indent}if {_emptied(reset)}:{text}"),)
    return ()


def _targets(loop: ast.AST) -> Iterable[ast.AST]:
    return [loop.target] if isinstance(loop, (ast.For, ast.AsyncFor)) else []


def _emptied(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign) and ast.unparse(node.value) in {"[]", "{}"}:
        return dotted(node.targets[0])
    value = node.value if isinstance(node, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "clear":
        return dotted(value.func.value)
    return ""
