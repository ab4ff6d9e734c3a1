"""Fixes of times: their zone, and the seconds between two."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.arguments import call_at

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def _zone(code: Code, near: ast.AST) -> tuple[str, Edits] | None:
    known = code.taken("datetime", "UTC")
    whole = code.imported("datetime")
    if known is not None and whole is None:
        return known, ()
    found = code.name("datetime", "timezone", near)
    return None if found is None else (f"{found[0]}.utc", found[1])


def in_utc(code: Code, one: Diagnostic) -> Edits:
    """Make a time that knows that it is in UTC."""
    call = call_at(code, one)
    if call is None or not isinstance(call.func, ast.Attribute):
        return ()
    zone = _zone(code, call)
    method = {"utcnow": "now", "utcfromtimestamp": "fromtimestamp"}.get(call.func.attr)
    if zone is None or method is None or call.keywords:
        return ()
    given = "".join(f"{code.source(argument)}, " for argument in call.args)
    owner = code.source(call.func.value)
    around = _method(code, call)
    if around is not None and around.func.attr == "replace" and _only(around, "tzinfo"):  # type: ignore[attr-defined]
        return (*zone[1], code.replace(around, f"{owner}.{method}({given}tz={zone[0]})"))
    text = f"{owner}.{method}({given}tz={zone[0]})"
    if around is not None and around.func.attr == "isoformat":  # type: ignore[attr-defined]
        joined = code.parent(around)
        if isinstance(joined, ast.BinOp) and isinstance(joined.right, ast.Constant) and joined.right.value == "Z":
            # The offset is part of the text now.
            end = code.end(around)
            return (*zone[1], code.replace(call, text), Edit(end, code.end(joined), ""))
        if "Z" in code.source(code.statement(call) or call):
            return ()
    return (*zone[1], code.replace(call, text))


def _method(code: Code, node: ast.AST) -> ast.Call | None:
    """The call of a method of a node's value."""
    attribute = code.parent(node)
    call = code.parent(attribute) if isinstance(attribute, ast.Attribute) else None
    return call if isinstance(call, ast.Call) and call.func is attribute else None


def _only(call: ast.Call, name: str) -> bool:
    return not call.args and [keyword.arg for keyword in call.keywords] == [name]


def with_zone(code: Code, one: Diagnostic) -> Edits:
    """Take the time in the zone that is put into it; otherwise in the machine's own."""
    call = call_at(code, one)
    around = None if call is None else _method(code, call)
    if call is None or around is None or not isinstance(around.func, ast.Attribute) or not _only(around, "tzinfo"):
        return ()
    zone = around.keywords[0].value
    if around.func.attr != "replace" or (isinstance(zone, ast.Constant) and zone.value is None) or call.keywords:
        return ()
    given = "".join(f"{code.source(argument)}, " for argument in call.args)
    return (code.replace(around, f"{code.source(call.func)}({given}tz={code.source(zone)})"),)


def whole_seconds(code: Code, one: Diagnostic) -> Edits:
    """Take all seconds of a difference, as a whole number where one is needed."""
    part = next((node for node in code.at(one) if isinstance(node, ast.Attribute) and node.attr == "seconds"), None)
    if part is None:
        return ()
    around = code.parent(part)
    fraction = isinstance(around, ast.Compare) or (isinstance(around, ast.BinOp) and isinstance(around.op, ast.Div))
    text = f"{code.source(part.value)}.total_seconds()"
    (last, column), (first, start) = code.end(part), code.start(part)
    text = (
        code.lines[first - 1][start - 1 : column - 1].removesuffix("seconds") + "total_seconds()"
        if first == last
        else text
    )
    return (code.replace(part, text if fraction else f"int({text})"),)
