"""Fixes of handlers of errors: which errors they catch, and that they tell of them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit
from reviewer.evidence.mending.python.tree import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code

# What fails with which error. Calls that are not listed may raise anything.
_ERRORS = {
    "OSError": r"open|os\.(?:remove|unlink|rmdir|mkdir|makedirs|rename|replace|listdir|scandir|stat|chmod|kill|utime"
    r"|symlink|link|readlink|path\.get\w+)|shutil\.\w+|[\w.]*\.(?:unlink|mkdir|rmdir|touch|write_text|write_bytes"
    r"|read_bytes)",
    "OSError, ValueError": r"[\w.]*\.read_text|json\.load|tomllib\.load",
    "TypeError, ValueError": r"int|float|json\.loads|\w*\.?(?:fromisoformat|strptime)|(?:uuid\.)?UUID|bytes\.fromhex"
    r"|base64\.\w+",
    "ValueError": r"ipaddress\.\w+",
    "requests.RequestException": r"requests\.\w+|[\w.]*\.raise_for_status",
    "OSError, subprocess.SubprocessError": r"subprocess\.(?:run|call|check_call|check_output|Popen)",
    "ImportError": r"(?:importlib\.)?import_module",
    "": r"len|str|print|isinstance|list|dict|set|tuple|sorted|bool|range|getattr|(?:pathlib\.)?Path|os\.path\.(?:join"
    r"|exists|isfile|isdir|basename|dirname)|\w+\.(?:append|add|extend|update)|(?:\w+\.)?_?log(?:ger|ging)?\.\w+",
}
_LOG = re.compile(r"(?:self\.)?_?(?:log|logger|LOG|LOGGER)")


def several_errors(code: Code, one: Diagnostic) -> Edits:
    """Catch each of the errors, not the value of an ``or``."""
    handler = next((node for node in code.at(one) if isinstance(node, ast.ExceptHandler)), None)
    kinds = handler.type if handler is not None else None
    if not isinstance(kinds, ast.BoolOp) or not all(dotted(value) for value in kinds.values):
        return ()
    text = f"({', '.join(map(dotted, kinds.values))})"
    line, column = code.start(kinds)
    last, end = code.end(kinds)
    enclosed = code.lines[line - 1][: column - 1].endswith("(") and code.lines[last - 1][end - 1 :].startswith(")")
    return (code.replace(kinds, text[1:-1] if enclosed else text),)


def named(code: Code, one: Diagnostic) -> Edits:
    """Catch the errors that the code can raise, or log the error with its trace where that is not known."""
    handler = next((node for node in code.at(one) if isinstance(node, ast.ExceptHandler)), None)
    around = None if handler is None else code.parent(handler)
    if handler is None or not isinstance(around, (ast.Try, ast.TryStar)):
        return ()
    errors = _raised(around.body)
    if errors and len(around.handlers) == 1:
        text = errors[0] if len(errors) == 1 else f"({', '.join(errors)})"
        return _catches(code, handler, text)
    logged = _logs(code, handler)
    if logged and handler.type is None:
        return (*_catches(code, handler, "Exception"), *logged)
    return logged


def _catches(code: Code, handler: ast.ExceptHandler, text: str) -> Edits:
    if handler.type is not None:
        return (code.replace(handler.type, text),)
    line, column = code.start(handler)
    at = (line, column + len("except"))
    return (Edit(at, at, f" {text}"),)


def _raised(body: Sequence[ast.stmt]) -> list[str]:
    """The errors that statements can raise; empty where that is not known."""
    errors: set[str] = set()
    withs = [item for node in body if isinstance(node, ast.With) for item in node.items]
    files = [dotted(item.optional_vars) for item in withs if item.optional_vars is not None]
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            errors.add("ImportError")
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            errors |= {"LookupError", "TypeError"}
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            known = next((each for each, pattern in _ERRORS.items() if re.fullmatch(pattern, name)), None)
            if name in {f"{file}.{method}" for file in files for method in ("read", "write", "close", "readlines")}:
                known = "OSError, ValueError"
            if known is None:
                return []
            errors |= {each for each in known.split(", ") if each}
        elif isinstance(node, (ast.BinOp, ast.Await, ast.Yield, ast.YieldFrom, ast.Raise, ast.Delete, ast.Assert)):
            return []
    return sorted(errors)


def _logs(code: Code, handler: ast.ExceptHandler) -> Edits:
    """Log the error with its trace: in the handler's own message, or in a new one."""
    for node in handler.body:
        call = node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if not re.fullmatch(r"logging|" + _LOG.pattern, dotted(call.func.value)):
            continue
        if call.func.attr == "error":
            line, column = code.end(call.func)
            return (Edit((line, column - len("error")), (line, column), "exception"),)
        given = code.source(call)
        if call.func.attr in {"warning", "critical"} and "\n" not in given and "exc_info" not in given:
            line, column = code.end(call)
            return (Edit((line, column - 1), (line, column - 1), ", exc_info=True"),)
    logger, function = _logger(code), code.function(handler)
    if logger is None or function is None or any(isinstance(node, ast.Raise) for node in ast.walk(handler)):
        return ()
    first = handler.body[0]
    text = f'{logger}.exception("{function.name} failed")'
    if not code.alone(first):
        return ()
    if isinstance(first, ast.Pass) or (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return (code.replace(first, text),)
    return (Edit(code.start(first), code.start(first), f"{text}\n{code.indent(first)}"),)


def _logger(code: Code) -> str | None:
    """The logger of a file."""
    for node in code.tree.body:
        made = dotted(node.value.func) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) else ""
        if isinstance(node, ast.Assign) and re.fullmatch(r"(?:logging\.)?getLogger|structlog\.get_logger", made):
            return dotted(node.targets[0]) or None
        if isinstance(node, ast.ImportFrom) and node.module == "loguru" and node.names[0].name == "logger":
            return node.names[0].asname or "logger"
    known = code.imported("logging")
    return None if known is None else f"{known}.getLogger(__name__)"
