"""Fixes of queries of SQL: values apart from the text."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.texts import MARK, parts, unparsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.texts import Part
    from reviewer.evidence.mending.python.tree import Code

# A value of a query: after a comparison, in VALUES, or as an argument.
_VALUE_BEFORE = re.compile(r"(?i)(?:[=<>(,]|\b(?:like|ilike|and|or|between|limit|offset|values|then|else|in))\s*$")
_STYLES = {
    "sqlite3": "?", "aiosqlite": "?", "pyodbc": "?", "duckdb": "?",
    "psycopg2": "%s", "psycopg": "%s", "pymysql": "%s", "MySQLdb": "%s", "mysql.connector": "%s", "aiomysql": "%s",
    "django.db": "%s", "snowflake.connector": "%s",
}  # fmt: skip


def with_parameters(code: Code, one: Diagnostic) -> Edits:
    """Pass the values of a query apart from its text."""
    kinds = (ast.JoinedStr, ast.BinOp, ast.Call)
    text: ast.AST | None = next((node for node in code.at(one) if isinstance(node, kinds)), None)
    while text is not None and isinstance(code.parent(text), (ast.BinOp, ast.Attribute)):
        around = code.parent(text)
        text = around if isinstance(around, ast.BinOp) else code.parent(around) if around is not None else None
    call = None if text is None else _executed(code, text)
    style = _style(code)
    if text is None or call is None or not style or not isinstance(text, ast.expr):
        return ()
    found = parts(text)
    made = None if found is None else _query(found, style)
    first = call.args[0]
    if made is None or len(call.args) != 1 or call.keywords:
        return ()
    query, values = made
    sources = [unparsed(value) for value in values]
    arguments = f"({', '.join(sources)}{',' if len(sources) == 1 else ''})"
    if isinstance(text, ast.JoinedStr) and code.start(text)[0] != code.end(text)[0]:
        return ()
    quoted = f'"{query}"' if '"' not in query and "\n" not in query else None
    if quoted is None:
        return ()
    return (
        (code.replace(text, quoted), Edit(code.end(first), code.end(first), f", {arguments}"))
        if first is not text
        else (code.replace(text, f"{quoted}, {arguments}"),)
    )


def _executed(code: Code, text: ast.AST) -> ast.Call | None:
    """The call that runs a query: around it, or the one that is given the name that it gets."""
    parent = code.parent(text)
    if isinstance(parent, ast.Call) and _runs(parent) and parent.args[:1] == [text]:
        return parent
    target = parent.targets[0] if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
    if not isinstance(target, ast.Name):
        return None
    scope = code.function(target) or code.tree
    uses = [node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == target.id]
    call = code.parent(uses[-1]) if len(uses) == 2 else None  # noqa: PLR2004 - assigned, and run
    return call if isinstance(call, ast.Call) and _runs(call) and call.args[:1] == [uses[-1]] else None


def _runs(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "execute"


def _style(code: Code) -> str:
    for module, style in _STYLES.items():
        if re.search(rf"^\s*(?:import|from)\s+{re.escape(module)}\b", code.text, re.MULTILINE):
            return style
    used = set(re.findall(r"""\.execute\(\s*f?["'][^"'\n]*(\?|%s)[^"'\n]*["']\s*,""", code.text))
    return used.pop() if len(used) == 1 else ""


def _query(found: Sequence[Part], style: str) -> tuple[str, list[ast.expr]] | None:
    """The text of a query with places for its values; None where a value is a name of the database."""
    query, values = "", []
    for index, part in enumerate(found):
        if isinstance(part, str):
            quoted = index > 0 and query.endswith(f"{MARK}{style}")
            query = query.removesuffix(f"{MARK}{style}") + style if quoted else query
            if quoted and part[:1] in "'\"":
                part = part[1:]  # noqa: PLW2901 - the quotes are not needed around a place
            elif quoted:
                return None
            if style == "%s" and "%" in part:
                return None
            query += part
            continue
        if query.endswith(("'", '"')):
            query, quote = query[:-1], True
        else:
            quote = False
        if not _VALUE_BEFORE.search(query):
            return None
        query += (MARK if quote else "") + style
        values.append(part)
    if query.endswith(f"{MARK}{style}"):
        return None
    return (query, values) if values else None
