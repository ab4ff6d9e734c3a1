"""Fixes of commands that a shell interprets: a list of arguments, without a shell."""

from __future__ import annotations

import ast
import re
import shlex
from typing import TYPE_CHECKING

from reviewer.evidence.mending.python.arguments import without_argument
from reviewer.evidence.mending.python.texts import MARK, parts, unparsed
from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.texts import Part
    from reviewer.evidence.mending.python.tree import Code

_SHELL = re.compile(r"[|&;<>()$`*?~#!\n\\{}\[\]]")
_BUILTIN = re.compile(r"cd|source|export|set|exec|alias|\.|ulimit|umask|eval|trap|unset|type|command|builtin")
_SEVERAL = re.compile(r"(?i)(?:args|opts|options|flags|cmd|command|extra|params|files|paths)$")


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
    text = "".join(part if isinstance(part, str) else MARK for part in found)
    sources = [unparsed(value) for value in values]
    if _SHELL.search(text) or any(_SEVERAL.search(source) or "\n" in source for source in sources):
        return []
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    if not words or _BUILTIN.fullmatch(words[0]) or "=" in words[0] or MARK in words[0]:
        return []
    rest = iter(values)
    made = [_word(code, word, [next(rest) for _ in range(word.count(MARK))]) for word in words]
    return made if all(made) else []


def _word(code: Code, word: str, values: Sequence[ast.expr]) -> str:
    if not values:
        return _literal(word)
    if word == MARK:
        return _as_text(code, values[0])
    pieces = word.split(MARK)
    if any(sign in "".join(pieces) for sign in "\"'") or any('"' in unparsed(value) for value in values):
        return ""
    inner = "".join(f"{piece}{{{unparsed(value)}}}" for piece, value in zip(pieces, values, strict=False))
    return f'f"{inner}{pieces[-1]}"'


def _literal(word: str) -> str:
    return f'"{word}"' if '"' not in word else repr(word)


def _as_text(code: Code, value: ast.expr) -> str:
    """A value as an argument: a text or a path as it is, anything else made a text."""
    source = unparsed(value)
    if isinstance(value, ast.Call) and dotted(value.func) in {"str", "shlex.quote", "quote"} and len(value.args) == 1:
        return _as_text(code, value.args[0])
    function = code.function(value)
    known = [*function.args.args, *function.args.kwonlyargs] if function is not None else []
    hints = {one.arg: ast.unparse(one.annotation) for one in known if one.annotation is not None}
    return source if re.fullmatch(r"str|(?:pathlib\.)?Path", hints.get(source, "")) else f"str({source})"
