"""Fixes of asynchronous code: what blocks the loop, what starts another one, what loses errors."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.arguments import call_at, without_argument

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def in_thread(code: Code, one: Diagnostic) -> Edits:
    """Run a blocking call in a thread."""
    call = call_at(code, one)
    if call is None or not isinstance(code.function(call), ast.AsyncFunctionDef):
        return ()
    if re.search(r"^\s*(?:import|from) (?:trio|anyio|curio)\b", code.text, re.MULTILINE):
        return ()
    module = code.module("asyncio", call)
    line, column = code.end(call.func)
    if module is None or code.lines[line - 1][column - 1 : column] != "(":
        return ()
    more = call.args or call.keywords
    separator = "" if not more else "," if not code.lines[line - 1][column:].strip() else ", "
    opened, closed = ("(", ")") if isinstance(code.parent(call), (ast.Attribute, ast.Subscript, ast.Call)) else ("", "")
    parent = code.parent(call)
    if isinstance(parent, ast.Call) and call in parent.args:
        opened = closed = ""
    start, end = code.start(call), code.end(call)
    edits = [
        Edit(start, start, f"{opened}await {module[0]}.to_thread("),
        Edit((line, column), (line, column + 1), separator),
    ]
    return (*module[1], *edits, *((Edit(end, end, closed),) if closed else ()))


def sleeping(code: Code, one: Diagnostic) -> Edits:
    """Sleep without holding up the loop."""
    call = call_at(code, one)
    module = None if call is None else code.module("asyncio", call)
    if call is None or module is None or not isinstance(code.function(call), ast.AsyncFunctionDef):
        return ()
    if re.search(r"^\s*(?:import|from) (?:trio|anyio|curio)\b", code.text, re.MULTILINE):
        return ()
    return (*module[1], code.replace(call.func, f"await {module[0]}.sleep"))


def awaited(code: Code, one: Diagnostic) -> Edits:
    """Await in the loop that runs instead of starting another."""
    call = call_at(code, one)
    if call is None or len(call.args) != 1 or call.keywords:
        return ()
    text = f"await {code.source(call.args[0])}"
    needs = isinstance(code.parent(call), (ast.Attribute, ast.Subscript, ast.BinOp))
    return (code.replace(call, f"({text})" if needs else text),)


def with_errors(code: Code, one: Diagnostic) -> Edits:
    """Let ``gather`` raise the errors of what it runs."""
    statement = next((node for node in code.at(one) if isinstance(node, ast.stmt)), None)
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.keyword) and node.arg == "return_exceptions":
            return without_argument(code, node)
    return ()
