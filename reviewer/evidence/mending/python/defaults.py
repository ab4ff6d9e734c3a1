"""Fixes of defaults that are made once: of fields, of options of a call and of parameters."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.tree import FUNCTIONS, dotted

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code


def made_by_factory(code: Code, one: Diagnostic) -> Edits:
    """Make the default of a field anew for each object."""
    value = next((node for node in code.at(one) if isinstance(node, ast.expr)), None)
    made = None if value is None else code.statement(value)
    if not isinstance(made, ast.AnnAssign) or made.value is None or isinstance(made.value, ast.Name):
        return ()
    field = code.name("dataclasses", "field", made)
    if field is None:
        return ()
    value, text = made.value, code.source(made.value)
    empty = {"[]": "list", "{}": "dict"}.get(text)
    if isinstance(value, ast.Call) and not value.args and not value.keywords and dotted(value.func):
        empty = dotted(value.func)
    return (*field[1], code.replace(value, f"{field[0]}(default_factory={empty or f'lambda: {text}'})"))


def called_later(code: Code, one: Diagnostic) -> Edits:
    """Give the function as the default, not its value."""
    statement = next((node for node in code.at(one) if isinstance(node, (ast.keyword, ast.AnnAssign))), None)
    value = statement.value if statement is not None else None
    if not isinstance(value, ast.Call) or not dotted(value.func):
        return ()
    plain = not value.args and not value.keywords
    if isinstance(statement, ast.keyword):
        return (code.replace(value, code.source(value.func)),) if plain else ()
    owner = code.parent(statement) if statement is not None else None
    decorators = [code.source(each) for each in owner.decorator_list] if isinstance(owner, ast.ClassDef) else []
    if not any("dataclass" in each for each in decorators):
        return ()
    field = code.name("dataclasses", "field", value)
    factory = code.source(value.func) if plain else f"lambda: {code.source(value)}"
    return () if field is None else (*field[1], code.replace(value, f"{field[0]}(default_factory={factory})"))


def in_each_call(code: Code, one: Diagnostic) -> Edits:
    """Compute a default in the function."""
    function = next((node for node in code.at(one) if isinstance(node, FUNCTIONS)), None)
    value = next((node for node in code.at(one) if isinstance(node, ast.expr)), None)
    given = () if function is None else (*function.args.defaults, *function.args.kw_defaults)
    default = next(
        (node for node in given if node is not None and code.end(node) == (one.end_line, one.end_column)), value
    )
    if function is None or not isinstance(default, ast.expr) or default not in given:
        return ()
    before = [node for node in (*function.args.args, *function.args.kwonlyargs) if code.end(node) < code.end(default)]
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(function.body) > 1:
        first = function.body[1]
    if not before or code.start(first)[0] == function.lineno or not code.alone(first):
        return ()
    parameter = before[-1]
    hint = parameter.annotation
    typed = () if hint is None or "None" in code.source(hint) else (code.replace(hint, f"{code.source(hint)} | None"),)
    indent, at = code.indent(first), code.start(first)
    made = re.sub(r"(datetime\.now\(\))$", r"\1.astimezone()", code.source(default))
    text = f"if {parameter.arg} is None:\n{indent}    {parameter.arg} = {made}\n{indent}"
    return (*typed, code.replace(default, "None"), Edit(at, at, text))
