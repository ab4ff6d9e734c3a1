"""Fixes of counts and ranges: one too far, one too few, rounded too early."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def rounded_up(code: Code, one: Diagnostic) -> Edits:
    """Count the last part that is not full, too."""
    loop = next((node for node in code.at(one) if isinstance(node, ast.For)), None)
    count = loop.iter.args[-1] if loop is not None and isinstance(loop.iter, ast.Call) and loop.iter.args else None
    if isinstance(count, ast.Name):
        scope = code.function(count) or code.tree
        made = [
            node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign) and dotted(node.targets[0]) == count.id
        ]
        count = made[0] if len(made) == 1 else None
    if not isinstance(count, ast.BinOp) or not isinstance(count.op, ast.FloorDiv):
        return ()
    return (code.replace(count, f"-(-{code.source(count.left)} // {code.source(count.right)})"),)


def shorter(code: Code, one: Diagnostic) -> Edits:
    """End a range one earlier."""
    loop = next((node for node in code.at(one) if isinstance(node, ast.For)), None)
    if loop is None or not isinstance(loop.iter, ast.Call) or not loop.iter.args:
        return ()
    end = loop.iter.args[-1] if len(loop.iter.args) < 3 else loop.iter.args[1]  # noqa: PLR2004 - with a step
    if isinstance(end, ast.BinOp) and isinstance(end.op, ast.Add) and code.source(end.right) == "1":
        return (code.replace(end, code.source(end.left)),)
    return (code.replace(end, f"{code.source(end)} - 1"),) if isinstance(end, ast.Call) else ()


def multiplied_first(code: Code, one: Diagnostic) -> Edits:
    """Multiply before the division rounds."""
    share = next((node for node in code.at(one) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)), None)
    if share is None or not isinstance(share.left, ast.BinOp):
        return ()
    part, whole = code.source(share.left.left), code.source(share.left.right)
    return (code.replace(share, f"{part} * {code.source(share.right)} // {whole}"),)
