"""Texts that are put together from values: by an f-string, ``+``, ``%`` or ``format``."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence


Part = str | ast.expr

MARK = "\ue000"  # stands for a value in a text; no source has it


def parts(node: ast.AST) -> list[Part] | None:
    """Split the expression of a text into texts and values; None where it is another kind of expression."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        found = [_inserted(value) for value in node.values]
        return None if any(part is None for part in found) else [part for part in found if part is not None]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = parts(node.left), parts(node.right)
        left = [node.left] if left is None and _is_plain(node.left) else left
        right = [node.right] if right is None and _is_plain(node.right) else right
        return None if left is None or right is None else [*left, *right]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        return _filled(node.left.value, r"%[sd]", "%", values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = node.func.value
        return (
            None
            if node.keywords or not isinstance(text, ast.Constant)
            else _filled(text.value, r"\{\}", "{", node.args)
        )
    return None


def _inserted(value: ast.expr) -> Part | None:
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.FormattedValue) and value.format_spec is None and value.conversion == -1:
        return value.value
    return None


def unparsed(value: ast.AST) -> str:
    """The text of a value; its place within an f-string is not known before Python 3.12."""
    return ast.unparse(value).replace("'", '"')


def _is_plain(node: ast.AST) -> bool:
    return bool(dotted(node)) or (isinstance(node, ast.Call) and dotted(node.func) == "str" and len(node.args) == 1)


def _filled(text: object, place: str, sign: str, values: Sequence[ast.expr]) -> list[Part] | None:
    pieces: list[str] = re.split(place, text) if isinstance(text, str) else []
    if len(pieces) != len(values) + 1 or any(sign in piece for piece in pieces):
        return None
    pairs: list[tuple[Part, Part]] = list(zip(pieces, [*values, ""], strict=True))
    return [part for pair in pairs for part in pair if part != ""]
