"""Mechanical fixes in Python that rearrange statements: context managers, handlers of errors, ``finally``."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.analyzers.python_code import FUNCTIONS, dotted
from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reviewer.evidence.analyzers.python_code import Code
    from reviewer.evidence.diagnostic import Diagnostic

Edits = tuple[Edit, ...]
_STEP = "    "

# Calls that are through with a file when they return.
_READERS = re.compile(
    r"(?:json|pickle|marshal)\.(?:load|dump)|yaml\.(?:load|safe_load|safe_dump)|(?:tomllib|toml|plistlib)\.load|list|sorted"
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
    if name is None or not _movable(code, first, last):
        return ()
    head = f"{code.indent(statement)}with {code.source(call)} as {name}:\n"
    return (Edit((first, 1), (first, 1), head), *_indented(code, first, last), code.replace(call, name))


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
    closing = next((node for node in rest if _calls(node, f"{target.id}.close")), None)
    using = [node for node in rest if _names(node, target.id)]
    if not using or (closing is not None and using[-1] is not closing):
        return ()
    inside = [node for node in rest if code.start(node) <= code.start(using[-1]) and node is not closing]
    uses = [one for node in inside for one in _names(node, target.id)]
    scope = code.function(made) or code.tree
    if not uses or len(_names(scope, target.id)) != len(uses) + 1 + (closing is not None):
        return ()
    if closing is None and not all(_is_through(code, use) or _is_iterated(code, use) for use in uses):
        return ()
    head = f"with {code.source(made.value)} as {target.id}:"
    return _as_with(code, made, head, inside, closing)


def _is_iterated(code: Code, use: ast.AST) -> bool:
    parent = code.parent(use)
    return isinstance(parent, ast.For) and parent.iter is use


def _as_with(code: Code, begin: ast.stmt, head: str, inside: Sequence[ast.stmt], end: ast.stmt | None) -> Edits:
    first, last = code.end(begin)[0] + 1, code.end(inside[-1])[0]
    alone = all(code.alone(node) for node in (begin, *inside, *([end] if end else [])))
    if not alone or not _movable(code, first, last):
        return ()
    edits = (code.replace(begin, head), *_indented(code, first, last))
    return edits if end is None else (*edits, *_removed(code, end))


def _indented(code: Code, first: int, last: int) -> Edits:
    lines = (line for line in range(first, last + 1) if code.lines[line - 1].strip())
    return tuple(Edit((line, 1), (line, 1), _STEP) for line in lines)


def _removed(code: Code, statement: ast.stmt) -> Edits:
    line = code.start(statement)[0]
    return (Edit((line, 1), (code.end(statement)[0] + 1, 1), ""),)


def _movable(code: Code, first: int, last: int) -> bool:
    """Whether lines may be indented: a text over several lines would change."""
    return not any('"""' in line or "'''" in line or "\t" in line for line in code.lines[first - 1 : last])


def _calls(node: ast.AST, name: str) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    call = call.value if isinstance(call, ast.Await) else call
    return isinstance(call, ast.Call) and dotted(call.func) == name and not call.args and not call.keywords


def _names(node: ast.AST, name: str) -> list[ast.Name]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Name) and one.id == name]


def locked(code: Code, one: Diagnostic) -> Edits:
    """Hold a lock with ``with`` instead of ``acquire`` and ``release``."""
    taken = next((node for node in code.at(one) if isinstance(node, ast.Expr)), None)
    call = None if taken is None else taken.value
    awaited = isinstance(call, ast.Await)
    call = call.value if isinstance(call, ast.Await) else call
    place = None if taken is None else code.block(taken)
    if taken is None or place is None or not isinstance(call, ast.Call) or call.args or call.keywords:
        return ()
    lock = dotted(call.func).removesuffix(".acquire")
    rest = place[0][place[1] + 1 :]
    end = next((index for index, node in enumerate(rest) if _calls(node, f"{lock}.release")), None)
    if not end or not lock:
        return ()
    inside = rest[:end]
    early = [node for part in inside for node in ast.walk(part) if _calls(node, f"{lock}.release")]
    if not all(isinstance(node, ast.stmt) and _leaves_next(code, node) for node in early):
        return ()
    gone = {code.start(node)[0] for node in early}
    edits = _as_with(code, taken, f"{'async ' if awaited else ''}with {lock}:", inside, rest[end])
    if not edits or any(not code.alone(node) for node in early if isinstance(node, ast.stmt)):
        return ()
    kept = [edit for edit in edits if edit.start[0] not in gone or edit.text != _STEP]
    return (*kept, *(edit for node in early if isinstance(node, ast.stmt) for edit in _removed(code, node)))


def _leaves_next(code: Code, node: ast.stmt) -> bool:
    place = code.block(node)
    after = () if place is None else place[0][place[1] + 1 : place[1] + 2]
    return any(isinstance(one, (ast.Return, ast.Raise, ast.Continue, ast.Break)) for one in after)


def restored(code: Code, one: Diagnostic) -> Edits:
    """Put what follows a ``yield`` of a context manager into ``finally``."""
    found = next((node for node in code.at(one) if isinstance(node, ast.stmt)), None)
    place = None if found is None else code.block(found)
    if found is None or place is None:
        return ()
    after = place[0][place[1] + 1 :]
    first, last = code.start(found)[0], code.end(found)[0]
    if not after or not all(code.alone(node) for node in (found, *after)):
        return ()
    end = code.end(after[-1])[0]
    if not _movable(code, first, last) or any(isinstance(node, (ast.Return, *FUNCTIONS)) for node in after):
        return ()
    if not _movable(code, last + 1, end):
        return ()
    indent = code.indent(found)
    head, *others = _indented(code, last + 1, end)
    finally_ = Edit(head.start, head.end, f"{indent}finally:\n{_STEP}")
    return (Edit((first, 1), (first, 1), f"{indent}try:\n"), *_indented(code, first, last), finally_, *others)


def flushed(code: Code, one: Diagnostic) -> Edits:
    """Handle the last batch after the loop, as the loop does with a full one."""
    loop = next((node for node in code.at(one) if isinstance(node, (ast.For, ast.AsyncFor, ast.While))), None)
    if loop is None:
        return ()
    for test in (node for node in loop.body if isinstance(node, ast.If) and not node.orelse):
        reset = next((node for node in test.body if (name := _emptied(node)) and _names(test.test, name)), None)
        work = [node for node in test.body if node is not reset]
        if reset is None or not work or not all(code.alone(node) and node.lineno == node.end_lineno for node in work):
            continue
        own = {name.id for target in _targets(loop) for name in ast.walk(target) if isinstance(name, ast.Name)}
        if any(_names(node, name) for node in work for name in own):
            return ()
        indent, line = code.indent(loop), code.end(loop)[0]
        text = "".join(f"\n{indent}{_STEP}{code.source(node)}" for node in work)
        end = (line, len(code.lines[line - 1]) + 1)
        return (Edit(end, end, f"\n{indent}if {_emptied(reset)}:{text}"),)
    return ()


def _targets(loop: ast.AST) -> Iterable[ast.AST]:
    return [loop.target] if isinstance(loop, (ast.For, ast.AsyncFor)) else []


def _emptied(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign) and ast.unparse(node.value) in {"[]", "{}"}:
        return dotted(node.targets[0])
    value = node.value if isinstance(node, ast.Expr) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "clear":
        return dotted(value.func.value)
    return ""


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
