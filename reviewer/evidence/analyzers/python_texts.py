"""Mechanical fixes in Python for texts that another program interprets: commands of a shell and queries of SQL."""

from __future__ import annotations

import ast
import re
import shlex
from typing import TYPE_CHECKING

from reviewer.evidence.analyzers.python_code import dotted
from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.evidence.analyzers.python_code import Code
    from reviewer.evidence.diagnostic import Diagnostic

Edits = tuple[Edit, ...]
Part = str | ast.expr

_MARK = "\ue000"  # stands for a value in a text; no source has it
_SHELL = re.compile(r"[|&;<>()$`*?~#!\n\\{}\[\]]")
_BUILTIN = re.compile(r"cd|source|export|set|exec|alias|\.|ulimit|umask|eval|trap|unset|type|command|builtin")
_SEVERAL = re.compile(r"(?i)(?:args|opts|options|flags|cmd|command|extra|params|files|paths)$")

# A value of a query: after a comparison, in VALUES, or as an argument.
_VALUE_BEFORE = re.compile(r"(?i)(?:[=<>(,]|\b(?:like|ilike|and|or|between|limit|offset|values|then|else|in))\s*$")
_STYLES = {
    "sqlite3": "?", "aiosqlite": "?", "pyodbc": "?", "duckdb": "?",
    "psycopg2": "%s", "psycopg": "%s", "pymysql": "%s", "MySQLdb": "%s", "mysql.connector": "%s", "aiomysql": "%s",
    "django.db": "%s", "snowflake.connector": "%s",
}  # fmt: skip


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


def _source(value: ast.AST) -> str:
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


def without_shell(code: Code, one: Diagnostic) -> Edits:
    """Give a program its arguments as a list, and start it without a shell."""
    call = next((node for node in code.at(one) if isinstance(node, ast.Call)), None)
    if call is None or not call.args or any(keyword.arg is None for keyword in call.keywords):
        return ()
    command, words = _command(code, call.args[0])
    if command is None or not words:
        return ()
    list_ = f"[{', '.join(words)}]"
    name = dotted(call.func)
    if name == "os.system" and len(call.args) == 1:
        module = code.module("subprocess", call)
        return () if module is None else (*module[1], *_moved(code, call, command, f"{module[0]}.call", list_))
    if name == "os.popen":
        return ()
    shell = [keyword for keyword in call.keywords if keyword.arg == "shell"]
    return (code.replace(command, list_), *(edit for keyword in shell for edit in without_argument(code, keyword)))


def _moved(code: Code, call: ast.Call, command: ast.AST, function: str, list_: str) -> Edits:
    return (code.replace(call.func, function), code.replace(command, list_))


def _command(code: Code, given: ast.expr) -> tuple[ast.expr | None, list[str]]:
    """The text of a command, where it is written, and its words as expressions."""
    if isinstance(given, ast.Name):
        scope = code.function(given) or code.tree
        uses = [node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id == given.id]
        made = code.parent(uses[0]) if len(uses) == 2 else None  # noqa: PLR2004 - assigned, and used here
        if not isinstance(made, ast.Assign) or len(made.targets) != 1:
            return None, []
        given = made.value
    found = parts(given)
    return given, [] if found is None else _words(code, found)


def _words(code: Code, found: Sequence[Part]) -> list[str]:
    values = [part for part in found if not isinstance(part, str)]
    text = "".join(part if isinstance(part, str) else _MARK for part in found)
    sources = [_source(value) for value in values]
    if _SHELL.search(text) or any(_SEVERAL.search(source) or "\n" in source for source in sources):
        return []
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    if not words or _BUILTIN.fullmatch(words[0]) or "=" in words[0] or _MARK in words[0]:
        return []
    rest = iter(values)
    made = [_word(code, word, [next(rest) for _ in range(word.count(_MARK))]) for word in words]
    return made if all(made) else []


def _word(code: Code, word: str, values: Sequence[ast.expr]) -> str:
    if not values:
        return _literal(word)
    if word == _MARK:
        return _as_text(code, values[0])
    pieces = word.split(_MARK)
    if any(sign in "".join(pieces) for sign in "\"'") or any('"' in _source(value) for value in values):
        return ""
    inner = "".join(f"{piece}{{{_source(value)}}}" for piece, value in zip(pieces, values, strict=False))
    return f'f"{inner}{pieces[-1]}"'


def _literal(word: str) -> str:
    return f'"{word}"' if '"' not in word else repr(word)


def _as_text(code: Code, value: ast.expr) -> str:
    """A value as an argument: a text or a path as it is, anything else made a text."""
    source = _source(value)
    if isinstance(value, ast.Call) and dotted(value.func) in {"str", "shlex.quote", "quote"} and len(value.args) == 1:
        return _as_text(code, value.args[0])
    function = code.function(value)
    known = [*function.args.args, *function.args.kwonlyargs] if function is not None else []
    hints = {one.arg: ast.unparse(one.annotation) for one in known if one.annotation is not None}
    return source if re.fullmatch(r"str|(?:pathlib\.)?Path", hints.get(source, "")) else f"str({source})"


def without_argument(code: Code, keyword: ast.keyword) -> Edits:
    """Remove a keyword argument with the comma before it."""
    call = code.parent(keyword)
    if not isinstance(call, ast.Call):
        return ()
    given = sorted([*call.args, *call.keywords], key=code.start)
    at = given.index(keyword)
    start = code.end(given[at - 1]) if at else code.start(keyword)
    end = code.end(keyword) if at or len(given) == 1 else code.start(given[1])
    return (Edit(start, end, ""),)


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
    sources = [_source(value) for value in values]
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
            quoted = index > 0 and query.endswith(f"{_MARK}{style}")
            query = query.removesuffix(f"{_MARK}{style}") + style if quoted else query
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
        query += (_MARK if quote else "") + style
        values.append(part)
    if query.endswith(f"{_MARK}{style}"):
        return None
    return (query, values) if values else None
