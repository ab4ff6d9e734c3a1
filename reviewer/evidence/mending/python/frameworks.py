"""Fixes of the use of libraries: routes, options of the command line, transactions."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.arguments import call_at
from reviewer.evidence.mending.python.tree import FUNCTIONS, dotted

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def route_first(code: Code, one: Diagnostic) -> Edits:
    """Put the route above the other decorators."""
    function = next((node for node in code.at(one) if isinstance(node, FUNCTIONS)), None)
    function = function or next(
        (
            node
            for node in ast.walk(code.tree)
            if isinstance(node, FUNCTIONS) and any(code.start(each)[0] == one.line for each in node.decorator_list)
        ),
        None,
    )
    if function is None or any(code.start(each)[0] != code.end(each)[0] for each in function.decorator_list):
        return ()
    lines = [code.start(each)[0] for each in function.decorator_list]
    if lines != list(range(lines[0], lines[0] + len(lines))):
        return ()
    texts = [code.lines[line - 1] for line in lines]
    route = re.compile(r"\s*@\w+\.(?:route|get|post|put|delete|patch)\(")
    ordered = [text for text in texts if route.match(text)] + [text for text in texts if not route.match(text)]
    first, last = lines[0], lines[-1]
    return (Edit((first, 1), (last, len(code.lines[last - 1]) + 1), "\n".join(ordered)),)


def boolean_option(code: Code, one: Diagnostic) -> Edits:
    """Let an option of the command line be yes or no."""
    call = call_at(code, one)
    action = code.taken("argparse", "BooleanOptionalAction")
    if call is None or action is None or not call.args or not isinstance(call.args[0], ast.Constant):
        return ()
    option = call.args[0].value
    given = {keyword.arg for keyword in call.keywords}
    if (
        not isinstance(option, str)
        or not option.startswith("--")
        or given & {"nargs", "choices", "const", "action", None}
    ):
        return ()
    keyword = next(keyword for keyword in call.keywords if keyword.arg == "type")
    return (code.replace(keyword, f"action={action}"),)


def on_commit(code: Code, one: Diagnostic) -> Edits:
    """Send a job once the transaction is stored."""
    call = call_at(code, one)
    found = None if call is None else code.name("django.db", "transaction", call)
    if call is None or found is None or not isinstance(code.parent(call), ast.Expr):
        return ()
    names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    bound = []
    for above in code.above(call):
        if isinstance(above, FUNCTIONS):
            break
        if isinstance(above, (ast.For, ast.AsyncFor)):
            bound += [node.id for node in ast.walk(above.target) if isinstance(node, ast.Name) and node.id in names]
    parameters = " " + ", ".join(f"{name}={name}" for name in bound) if bound else ""
    start, end = code.start(call), code.end(call)
    head = Edit(start, start, f"{found[0]}.on_commit(lambda{parameters}: ")
    return (*found[1], head, Edit(end, end, ")"))


def committed(code: Code, one: Diagnostic) -> Edits:
    """Commit a change after it."""
    statement = next((node for node in code.at(one) if isinstance(node, ast.Expr)), None)
    call = None if statement is None else statement.value
    if statement is None or not isinstance(call, ast.Call) or not code.alone(statement):
        return ()
    end = code.end(statement)
    return (Edit(end, end, f"\n{code.indent(statement)}{dotted(call.func).rpartition('.')[0]}.commit()"),)
