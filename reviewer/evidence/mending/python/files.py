"""Fixes of files: opened in a ``with`` that closes them, created where only a name was made."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.arguments import call_at
from reviewer.evidence.mending.python.blocks import as_with, calls_method, indented, mentions, movable
from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code

# Calls that are through with a file when they return.
_READERS = re.compile(
    r"json\.(?:load|dump)|yaml\.(?:load|safe_load|safe_dump)|(?:tomllib|toml|plistlib)\.load|list|sorted"
    r"|set|tuple|dict|sum|max|min|any|all|print"
)
_OPENS = frozenset(("open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.fdopen"))
_CONSUMED = (ast.ListComp, ast.SetComp, ast.DictComp)
_CONDITIONAL = (ast.IfExp, ast.BoolOp, ast.Lambda, ast.GeneratorExp, *_CONSUMED)


def closed(code: Code, one: Diagnostic) -> Edits:
    """Open a file in a ``with`` that spans its uses."""
    call = next((node for node in code.at(one) if isinstance(node, ast.Call)), None)
    while call is not None and not _opens(call):
        inner = [node for node in ast.walk(call) if isinstance(node, ast.Call) and _opens(node)]
        call = inner[0] if len(inner) == 1 else None
    statement = None if call is None else code.statement(call)
    if call is None or statement is None or not code.alone(statement) or _in_with(code, call):
        return ()
    if isinstance(statement, ast.Assign) and statement.value is call:
        return _kept_open(code, statement)
    return _used_once(code, call, statement)


def _opens(call: ast.Call) -> bool:
    return dotted(call.func) in _OPENS or (isinstance(call.func, ast.Attribute) and call.func.attr == "open")


def _in_with(code: Code, call: ast.Call) -> bool:
    return isinstance(code.parent(call), ast.withitem)


def _used_once(code: Code, call: ast.Call, statement: ast.stmt) -> Edits:
    """A file that is read within the statement that opens it."""
    simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.Expr)
    is_loop = isinstance(statement, ast.For) and statement.iter is call
    if not is_loop and not (isinstance(statement, simple) and _is_through(code, call)):
        return ()
    name = next((one for one in ("file", "stream", "opened") if not re.search(rf"\b{one}\b", code.text)), None)
    first, last = code.start(statement)[0], code.end(statement)[0]
    if name is None or not movable(code, first, last):
        return ()
    head = f"{code.indent(statement)}with {code.source(call)} as {name}:\n"
    return (Edit((first, 1), (first, 1), head), *indented(code, first, last), code.replace(call, name))


def _is_through(code: Code, file: ast.AST) -> bool:
    """Whether the expression around a file is through with it once it is evaluated."""
    parent = code.parent(file)
    if isinstance(parent, ast.comprehension):
        around = code.parent(parent)
        if parent.iter is not file or (isinstance(around, ast.GeneratorExp) and not _consumed(code, around)):
            return False
        return around is not None and _unconditional(code, around)
    if isinstance(parent, ast.Attribute):
        method = code.parent(parent)
        named = re.fullmatch(r"(?:read|write|readline|seek|tell|truncate|flush)(?:s|lines?)?", parent.attr)
        return bool(named) and isinstance(method, ast.Call) and _unconditional(code, method)
    if isinstance(parent, ast.keyword):
        parent = code.parent(parent)
    return (
        isinstance(parent, ast.Call)
        and _READERS.fullmatch(dotted(parent.func)) is not None
        and _unconditional(code, parent)
    )


def _consumed(code: Code, generator: ast.AST) -> bool:
    call = code.parent(generator)
    if not isinstance(call, ast.Call):
        return False
    return _READERS.fullmatch(dotted(call.func)) is not None or (
        isinstance(call.func, ast.Attribute) and call.func.attr in {"join", "extend", "update", "writelines"}
    )


def _unconditional(code: Code, node: ast.AST) -> bool:
    for above in code.above(node):
        if isinstance(above, ast.stmt):
            return True
        if isinstance(above, _CONDITIONAL):
            return False
    return False


def _kept_open(code: Code, made: ast.Assign) -> Edits:
    """A file that has a name: the ``with`` ends at its ``close``, or after the last use."""
    target, place = made.targets[0], code.block(made)
    if place is None or len(made.targets) > 1 or not isinstance(target, ast.Name):
        return ()
    rest = place[0][place[1] + 1 :]
    closing = next((node for node in rest if calls_method(node, f"{target.id}.close")), None)
    using = [node for node in rest if mentions(node, target.id)]
    if not using or (closing is not None and using[-1] is not closing):
        return ()
    inside = [node for node in rest if code.start(node) <= code.start(using[-1]) and node is not closing]
    uses = [one for node in inside for one in mentions(node, target.id)]
    scope = code.function(made) or code.tree
    if not uses or len(mentions(scope, target.id)) != len(uses) + 1 + (closing is not None):
        return ()
    if closing is None and not all(_is_through(code, use) or _is_iterated(code, use) for use in uses):
        return ()
    head = f"with {code.source(made.value)} as {target.id}:"
    return as_with(code, made, head, inside, closing)


def _is_iterated(code: Code, use: ast.AST) -> bool:
    parent = code.parent(use)
    return isinstance(parent, ast.For) and parent.iter is use


def temporary(code: Code, one: Diagnostic) -> Edits:
    """Create a temporary file instead of a name for one."""
    call = call_at(code, one)
    made = None if call is None else code.parent(call)
    if call is None or not isinstance(made, ast.Assign) or len(made.targets) != 1 or not code.alone(made):
        return ()
    name, module = dotted(made.targets[0]), code.module("os", call)
    function = dotted(call.func)
    if not name or module is None or not function.endswith("mktemp") or re.search(r"\bfd\b", code.text):
        return ()
    end = code.end(made)
    return (
        *module[1],
        code.replace(made.targets[0], f"fd, {name}"),
        code.replace(call.func, function.removesuffix("mktemp") + "mkstemp"),
        Edit(end, end, f"\n{code.indent(made)}{module[0]}.close(fd)"),
    )
