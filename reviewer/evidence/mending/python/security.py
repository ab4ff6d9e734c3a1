"""Fixes of security: options that protect, secrets that stay secret, code that is not run."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.mending.python.arguments import call_at, with_argument, with_value
from reviewer.evidence.mending.python.texts import parts
from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code

_CONFIDENTIAL = (
    r"(?i:(?:\w+\.)*_?(?:\w+_)?(?:password|passwd|secret|token|api_?key|credential|card_number|cvv|ssn)(?:_?key)?)"
)


def not_debugged(code: Code, one: Diagnostic) -> Edits:
    """Start without the debugger."""
    return with_value(code, one, "debug", "False")


def escaped(code: Code, one: Diagnostic) -> Edits:
    """Let a template escape what is put into it."""
    call = call_at(code, one)
    if call is None or any(keyword.arg is None for keyword in call.keywords):
        return ()
    text = "select_autoescape()" if code.taken("jinja2", "select_autoescape") == "select_autoescape" else "True"
    return with_value(code, one, "autoescape", text) or with_argument(code, call, f"autoescape={text}")


def long_key(code: Code, one: Diagnostic) -> Edits:
    """Make a key that is long enough."""
    call = call_at(code, one)
    for node in ast.walk(call) if call is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and 0 < node.value < 2048:  # noqa: PLR2004
            return (code.replace(node, "2048"),)
    return ()


def markup(code: Code, one: Diagnostic) -> Edits:
    """Let ``Markup`` escape the values that are put into it."""
    call = call_at(code, one)
    found = None if call is None or len(call.args) != 1 or call.keywords else parts(call.args[0])
    if call is None or not found or '"' in "".join(part for part in found if isinstance(part, str)):
        return ()
    values = [part for part in found if not isinstance(part, str)]
    text = "".join(part.replace("{", "{{").replace("}", "}}") if isinstance(part, str) else "{}" for part in found)
    if not values or "\n" in text or "\\" in text:
        return ()
    return (code.replace(call, f'{code.source(call.func)}("{text}").format({", ".join(map(ast.unparse, values))})'),)


def literal(code: Code, one: Diagnostic) -> Edits:
    """Read a literal instead of running code."""
    call = call_at(code, one)
    module = None if call is None else code.module("ast", call)
    if call is None or module is None or len(call.args) != 1 or call.keywords or dotted(call.func) != "eval":
        return ()
    return (*module[1], code.replace(call.func, f"{module[0]}.literal_eval"))


def protected(code: Code, one: Diagnostic) -> Edits:
    """Keep a cookie from scripts and from connections that are not encrypted."""
    call = call_at(code, one)
    if call is None:
        return ()
    wrong = [key for key in call.keywords if key.arg in {"httponly", "secure"} and code.source(key.value) != "True"]
    fixed = tuple(code.replace(key.value, "True") for key in wrong)
    missing = [f"{name}=True" for name in ("httponly", "secure") if name not in {key.arg for key in call.keywords}]
    return fixed + (with_argument(code, call, ", ".join(missing)) if missing else ())


def raising(code: Code, one: Diagnostic) -> Edits:
    """Check a permission with a statement that always runs."""
    check = next((node for node in code.at(one) if isinstance(node, ast.Assert)), None)
    if check is None or not code.alone(check):
        return ()
    test = check.test
    negative = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    if isinstance(test, (ast.BoolOp, ast.IfExp, ast.Lambda)):
        condition = f"not ({code.source(test)})"
    else:
        condition = code.source(test.operand) if negative else f"not {code.source(test)}"  # type: ignore[attr-defined]
    error = "PermissionError" if check.msg is None else f"PermissionError({code.source(check.msg)})"
    return (code.replace(check, f"if {condition}:\n{code.indent(check)}    raise {error}"),)


def with_separator(code: Code, one: Diagnostic) -> Edits:
    """End a folder that is a prefix with a separator."""
    call = call_at(code, one)
    module = None if call is None else code.module("os", call)
    if call is None or module is None or len(call.args) != 1:
        return ()
    given = call.args[0]
    path = code.source(given)
    if not re.search(r"os\.path|str\(", code.source(code.function(call) or call)) or isinstance(given, ast.Attribute):
        return ()
    return (*module[1], code.replace(given, f"{path} + {module[0]}.sep"))


def compared_at_once(code: Code, one: Diagnostic) -> Edits:
    """Compare secrets in a time that does not depend on them."""
    compare = next((node for node in code.at(one) if isinstance(node, ast.Compare)), None)
    if compare is None or len(compare.ops) != 1:
        return ()
    known = code.taken("hmac", "compare_digest") or code.taken("secrets", "compare_digest")
    found = (known, ()) if known else code.name("hmac", "compare_digest", compare)
    if found is None:
        return ()
    sides = f"{code.source(compare.left)}, {code.source(compare.comparators[0])}"
    sign = "" if isinstance(compare.ops[0], ast.Eq) else "not "
    return (*found[1], code.replace(compare, f"{sign}{found[0]}({sides})"))


def starred(code: Code, one: Diagnostic) -> Edits:
    """Leave a secret out of a message."""
    call = call_at(code, one)
    if call is None:
        return ()
    plain = [node for node in call.args if re.fullmatch(_CONFIDENTIAL, dotted(node))]
    if len(plain) == 1:
        return (code.replace(plain[0], '"***"'),)
    text = call.args[0] if call.args else None
    if not isinstance(text, ast.JoinedStr):
        return ()
    hidden, count = re.subn(rf"\{{{_CONFIDENTIAL}(?:![rs])?\}}", "***", code.source(text))
    # Without any value left the text needs no prefix.
    prefix = "f" if "{" in hidden else ""
    return (code.replace(text, prefix + hidden.removeprefix("f")),) if count == 1 and hidden.startswith("f") else ()
