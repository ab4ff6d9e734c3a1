"""Fixes of slips: a comma or a name left out, a function called too early, a comparison that is always the same."""

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


def passed(code: Code, one: Diagnostic) -> Edits:
    """Pass a function and its arguments instead of its result."""
    inner = call_at(code, one)
    outer = None if inner is None else code.parent(inner)
    if inner is None or not isinstance(outer, ast.Call) or inner not in outer.args or not dotted(inner.func):
        return ()
    if not inner.args and not inner.keywords:
        return (code.replace(inner, code.source(inner.func)),)
    name = dotted(outer.func).rpartition(".")[2] or getattr(outer.func, "attr", "")
    last = outer.args[-1] is inner and not outer.keywords
    plain = not inner.keywords or name in {"submit", "to_thread", "register"}
    if (
        not last
        or not plain
        or name not in {"submit", "to_thread", "register", "call_soon", "call_later", "run_in_executor"}
    ):
        return ()
    given = ", ".join(map(code.source, sorted([*inner.args, *inner.keywords], key=code.start)))
    return (code.replace(inner, f"{code.source(inner.func)}, {given}"),)


def comma(code: Code, one: Diagnostic) -> Edits:
    """Separate two texts of a list."""
    end = (one.line, len(code.lines[one.line - 1].rstrip()) + 1)
    return (Edit(end, end, ","),) if code.lines[one.line - 1].rstrip().endswith(("'", '"')) else ()


def one_of(code: Code, one: Diagnostic) -> Edits:
    """Compare with each of the texts."""
    either = next((node for node in code.at(one) if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)), None)
    first = None if either is None else either.values[0]
    if (
        either is None
        or not isinstance(first, ast.Compare)
        or len(first.ops) != 1
        or not isinstance(first.ops[0], ast.Eq)
    ):
        return ()
    rest = [each.comparators[0] if isinstance(each, ast.Compare) else each for each in either.values]
    same = all(
        code.source(each.left) == code.source(first.left) for each in either.values if isinstance(each, ast.Compare)
    )
    if not same or not all(isinstance(each, ast.Constant) for each in rest):
        return ()
    return (code.replace(either, f"{code.source(first.left)} in ({', '.join(map(code.source, rest))})"),)


def is_nan(code: Code, one: Diagnostic) -> Edits:
    """Ask whether a number is none; ``==`` never is true."""
    compare = next((node for node in code.at(one) if isinstance(node, ast.Compare)), None)
    if compare is None or len(compare.ops) != 1 or not isinstance(compare.ops[0], (ast.Eq, ast.NotEq)):
        return ()
    sides = [compare.left, compare.comparators[0]]
    nan = next((side for side in sides if re.fullmatch(r"(?:np|numpy|math)\.(?:nan|NaN|NAN)", dotted(side))), None)
    other = sides[0] if nan is sides[1] else sides[1]
    if nan is None or not (dotted(other) or isinstance(other, (ast.Subscript, ast.Call))):
        return ()
    module = dotted(nan).partition(".")[0]
    sign = "" if isinstance(compare.ops[0], ast.Eq) else "not " if module == "math" else "~"
    return (code.replace(compare, f"{sign}{module}.isnan({code.source(other)})"),)


def own_field(code: Code, one: Diagnostic) -> Edits:
    """Read the field behind a property."""
    used = next((node for node in code.at(one) if isinstance(node, ast.Attribute)), None)
    function = next((node for node in code.at(one) if isinstance(node, FUNCTIONS)), None)
    if function is None:
        return ()
    name = function.name
    reads = [node for node in ast.walk(function) if isinstance(node, ast.Attribute) and dotted(node) == f"self.{name}"]
    if len(reads) != 1 or (used is not None and used is not reads[0]) or f"self._{name} = " not in code.text:
        return ()
    return (code.replace(reads[0], f"self._{name}"),)
