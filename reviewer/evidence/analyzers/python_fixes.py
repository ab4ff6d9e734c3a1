"""Mechanical fixes in Python that need the syntax tree, for reports of ruff and of built-in rules.

Each follows from the code around the place that is reported. Like every fix, they are proven before they are shown.
What needs knowledge of the program is left out.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from reviewer.evidence.analyzers import python_blocks, python_code, python_texts
from reviewer.evidence.analyzers.python_code import FUNCTIONS, dotted
from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.evidence.analyzers.python_code import Code
    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

Edits = tuple[Edit, ...]
Fixer = "Callable[[Code, Diagnostic], Edits]"


def edits(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Return the fix of a report about Python; empty where there is no mechanical one."""
    fixer = _FIXERS.get(one.source.rule)
    if fixer is None or file.language.name != "python" or one.column <= 0 or not one.end_column:
        return ()
    code = python_code.read(file.text)
    return () if code is None else fixer(code, one)


def _call(code: Code, one: Diagnostic) -> ast.Call | None:
    return next((node for node in code.at(one) if isinstance(node, ast.Call)), None)


def with_argument(code: Code, call: ast.Call, text: str) -> Edits:
    """Add an argument to a call, on a line of its own where the others are."""
    given = sorted([*call.args, *call.keywords], key=code.end)
    if not given:
        line, column = code.end(call)
        return (Edit((line, column - 1), (line, column - 1), text),)
    if len(given) == 1 and isinstance(given[0], ast.GeneratorExp):
        return ()
    end = code.end(given[-1])
    own_line = code.start(given[-1])[0] != code.start(call)[0] and code.end(call)[0] != end[0]
    return (Edit(end, end, f",\n{code.indent(given[-1])}{text}" if own_line else f", {text}"),)


def _argument(text: str) -> Callable[[Code, Diagnostic], Edits]:
    def add(code: Code, one: Diagnostic) -> Edits:
        call = _call(code, one)
        if call is None or any(keyword.arg in (None, text.partition("=")[0]) for keyword in call.keywords):
            return ()
        return with_argument(code, call, text)

    return add


def _in_thread(code: Code, one: Diagnostic) -> Edits:
    """Run a blocking call in a thread."""
    call = _call(code, one)
    if call is None or not isinstance(code.function(call), ast.AsyncFunctionDef):
        return ()
    if re.search(r"^\s*(?:import|from) (?:trio|anyio|curio)\b", code.text, re.MULTILINE):
        return ()
    module = code.module("asyncio", call)
    line, column = code.end(call.func)
    if module is None or code.lines[line - 1][column - 1 : column] != "(":
        return ()
    more = call.args or call.keywords
    separator = "" if not more else "," if not code.lines[line - 1][column:].strip() else ", "
    opened, closed = ("(", ")") if isinstance(code.parent(call), (ast.Attribute, ast.Subscript, ast.Call)) else ("", "")
    parent = code.parent(call)
    if isinstance(parent, ast.Call) and call in parent.args:
        opened = closed = ""
    start, end = code.start(call), code.end(call)
    edits = [
        Edit(start, start, f"{opened}await {module[0]}.to_thread("),
        Edit((line, column), (line, column + 1), separator),
    ]
    return (*module[1], *edits, *((Edit(end, end, closed),) if closed else ()))


def _sleeping(code: Code, one: Diagnostic) -> Edits:
    call = _call(code, one)
    module = None if call is None else code.module("asyncio", call)
    if call is None or module is None or not isinstance(code.function(call), ast.AsyncFunctionDef):
        return ()
    if re.search(r"^\s*(?:import|from) (?:trio|anyio|curio)\b", code.text, re.MULTILINE):
        return ()
    return (*module[1], code.replace(call.func, f"await {module[0]}.sleep"))


def _zone(code: Code, near: ast.AST) -> tuple[str, Edits] | None:
    known = code.taken("datetime", "UTC")
    whole = code.imported("datetime")
    if known is not None and whole is None:
        return known, ()
    found = code.name("datetime", "timezone", near)
    return None if found is None else (f"{found[0]}.utc", found[1])


def _in_utc(code: Code, one: Diagnostic) -> Edits:
    """Make a time that knows that it is in UTC."""
    call = _call(code, one)
    if call is None or not isinstance(call.func, ast.Attribute):
        return ()
    zone = _zone(code, call)
    method = {"utcnow": "now", "utcfromtimestamp": "fromtimestamp"}.get(call.func.attr)
    if zone is None or method is None or call.keywords:
        return ()
    given = "".join(f"{code.source(argument)}, " for argument in call.args)
    owner = code.source(call.func.value)
    around = _method(code, call)
    if around is not None and around.func.attr == "replace" and _only(around, "tzinfo"):  # type: ignore[attr-defined]
        return (*zone[1], code.replace(around, f"{owner}.{method}({given}tz={zone[0]})"))
    text = f"{owner}.{method}({given}tz={zone[0]})"
    if around is not None and around.func.attr == "isoformat":  # type: ignore[attr-defined]
        joined = code.parent(around)
        if isinstance(joined, ast.BinOp) and isinstance(joined.right, ast.Constant) and joined.right.value == "Z":
            # The offset is part of the text now.
            end = code.end(around)
            return (*zone[1], code.replace(call, text), Edit(end, code.end(joined), ""))
        if "Z" in code.source(code.statement(call) or call):
            return ()
    return (*zone[1], code.replace(call, text))


def _method(code: Code, node: ast.AST) -> ast.Call | None:
    """The call of a method of a node's value."""
    attribute = code.parent(node)
    call = code.parent(attribute) if isinstance(attribute, ast.Attribute) else None
    return call if isinstance(call, ast.Call) and call.func is attribute else None


def _only(call: ast.Call, name: str) -> bool:
    return not call.args and [keyword.arg for keyword in call.keywords] == [name]


def _with_zone(code: Code, one: Diagnostic) -> Edits:
    """Take the time in the zone that is put into it; otherwise in the machine's own."""
    call = _call(code, one)
    around = None if call is None else _method(code, call)
    if call is None or around is None or not isinstance(around.func, ast.Attribute) or not _only(around, "tzinfo"):
        return ()
    zone = around.keywords[0].value
    if around.func.attr != "replace" or (isinstance(zone, ast.Constant) and zone.value is None) or call.keywords:
        return ()
    given = "".join(f"{code.source(argument)}, " for argument in call.args)
    return (code.replace(around, f"{code.source(call.func)}({given}tz={code.source(zone)})"),)


def _temporary(code: Code, one: Diagnostic) -> Edits:
    """Create a temporary file instead of a name for one."""
    call = _call(code, one)
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


def _not_debugged(code: Code, one: Diagnostic) -> Edits:
    return _keyword_value(code, one, "debug", "False")


def _escaped(code: Code, one: Diagnostic) -> Edits:
    call = _call(code, one)
    if call is None or any(keyword.arg is None for keyword in call.keywords):
        return ()
    text = "select_autoescape()" if code.taken("jinja2", "select_autoescape") == "select_autoescape" else "True"
    return _keyword_value(code, one, "autoescape", text) or with_argument(code, call, f"autoescape={text}")


def _keyword_value(code: Code, one: Diagnostic, name: str, text: str) -> Edits:
    call = _call(code, one)
    for keyword in call.keywords if call is not None else ():
        if keyword.arg == name:
            return (code.replace(keyword.value, text),)
    return ()


def _long_key(code: Code, one: Diagnostic) -> Edits:
    call = _call(code, one)
    for node in ast.walk(call) if call is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and 0 < node.value < 2048:  # noqa: PLR2004
            return (code.replace(node, "2048"),)
    return ()


def _markup(code: Code, one: Diagnostic) -> Edits:
    """Let ``Markup`` escape the values that are put into it."""
    call = _call(code, one)
    found = None if call is None or len(call.args) != 1 or call.keywords else python_texts.parts(call.args[0])
    if call is None or not found or '"' in "".join(part for part in found if isinstance(part, str)):
        return ()
    values = [part for part in found if not isinstance(part, str)]
    text = "".join(part.replace("{", "{{").replace("}", "}}") if isinstance(part, str) else "{}" for part in found)
    if not values or "\n" in text or "\\" in text:
        return ()
    return (code.replace(call, f'{code.source(call.func)}("{text}").format({", ".join(map(ast.unparse, values))})'),)


def _literal(code: Code, one: Diagnostic) -> Edits:
    """Read a literal instead of running code."""
    call = _call(code, one)
    module = None if call is None else code.module("ast", call)
    if call is None or module is None or len(call.args) != 1 or call.keywords or dotted(call.func) != "eval":
        return ()
    return (*module[1], code.replace(call.func, f"{module[0]}.literal_eval"))


def _several_errors(code: Code, one: Diagnostic) -> Edits:
    handler = next((node for node in code.at(one) if isinstance(node, ast.ExceptHandler)), None)
    kinds = handler.type if handler is not None else None
    if not isinstance(kinds, ast.BoolOp) or not all(dotted(value) for value in kinds.values):
        return ()
    text = f"({', '.join(map(dotted, kinds.values))})"
    line, column = code.start(kinds)
    last, end = code.end(kinds)
    enclosed = code.lines[line - 1][: column - 1].endswith("(") and code.lines[last - 1][end - 1 :].startswith(")")
    return (code.replace(kinds, text[1:-1] if enclosed else text),)


def _is_nan(code: Code, one: Diagnostic) -> Edits:
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


def _made_by_factory(code: Code, one: Diagnostic) -> Edits:
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


def _over_copy(code: Code, one: Diagnostic) -> Edits:
    """Loop over a copy of what the loop removes from."""
    changed = next(code.at(one), None)
    statement = None if changed is None else code.statement(changed)
    text = "" if statement is None else code.source(statement)
    found = re.match(r"(?:del\s+([\w.]+)\[|(?:[\w, ]+=\s*)?([\w.]+)\.(?:remove|discard|pop|popitem)\()", text)
    if found is None:
        return ()
    name = found[1] or found[2]
    for loop in code.above(statement):
        if isinstance(loop, ast.For):
            source = code.source(loop.iter)
            if source in (name, *(f"{name}.{part}()" for part in ("keys", "values", "items"))):
                return (code.replace(loop.iter, f"list({name if source == f'{name}.keys()' else source})"),)
    return ()


def _boolean_option(code: Code, one: Diagnostic) -> Edits:
    call = _call(code, one)
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


def _passed(code: Code, one: Diagnostic) -> Edits:
    """Pass a function and its arguments instead of its result."""
    inner = _call(code, one)
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


def _protected(code: Code, one: Diagnostic) -> Edits:
    call = _call(code, one)
    if call is None:
        return ()
    wrong = [key for key in call.keywords if key.arg in {"httponly", "secure"} and code.source(key.value) != "True"]
    fixed = tuple(code.replace(key.value, "True") for key in wrong)
    missing = [f"{name}=True" for name in ("httponly", "secure") if name not in {key.arg for key in call.keywords}]
    return fixed + (with_argument(code, call, ", ".join(missing)) if missing else ())


def _route_first(code: Code, one: Diagnostic) -> Edits:
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


def _called_later(code: Code, one: Diagnostic) -> Edits:
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


def _with_errors(code: Code, one: Diagnostic) -> Edits:
    statement = next((node for node in code.at(one) if isinstance(node, ast.stmt)), None)
    for node in ast.walk(statement) if statement is not None else ():
        if isinstance(node, ast.keyword) and node.arg == "return_exceptions":
            return python_texts.without_argument(code, node)
    return ()


def _rounded_up(code: Code, one: Diagnostic) -> Edits:
    """Count the last part that is not full, too."""
    loop = next((node for node in code.at(one) if isinstance(node, ast.For)), None)
    count = loop.iter.args[-1] if loop is not None and isinstance(loop.iter, ast.Call) and loop.iter.args else None
    if isinstance(count, ast.Name):
        scope = code.function(count) or code.tree
        made = [
            node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign) and dotted(node.targets[0]) == count.id
        ]
        count = made[0] if len(made) == 1 else None
    if not isinstance(count, ast.BinOp) or not isinstance(count.op, ast.FloorDiv):
        return ()
    return (code.replace(count, f"-(-{code.source(count.left)} // {code.source(count.right)})"),)


def _awaited(code: Code, one: Diagnostic) -> Edits:
    """Await in the loop that runs instead of starting another."""
    call = _call(code, one)
    if call is None or len(call.args) != 1 or call.keywords:
        return ()
    text = f"await {code.source(call.args[0])}"
    needs = isinstance(code.parent(call), (ast.Attribute, ast.Subscript, ast.BinOp))
    return (code.replace(call, f"({text})" if needs else text),)


def _comma(code: Code, one: Diagnostic) -> Edits:
    end = (one.line, len(code.lines[one.line - 1].rstrip()) + 1)
    return (Edit(end, end, ","),) if code.lines[one.line - 1].rstrip().endswith(("'", '"')) else ()


def _shorter(code: Code, one: Diagnostic) -> Edits:
    """End a range one earlier."""
    loop = next((node for node in code.at(one) if isinstance(node, ast.For)), None)
    if loop is None or not isinstance(loop.iter, ast.Call) or not loop.iter.args:
        return ()
    end = loop.iter.args[-1] if len(loop.iter.args) < 3 else loop.iter.args[1]  # noqa: PLR2004 - with a step
    if isinstance(end, ast.BinOp) and isinstance(end.op, ast.Add) and code.source(end.right) == "1":
        return (code.replace(end, code.source(end.left)),)
    return (code.replace(end, f"{code.source(end)} - 1"),) if isinstance(end, ast.Call) else ()


def _one_of(code: Code, one: Diagnostic) -> Edits:
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


def _raising(code: Code, one: Diagnostic) -> Edits:
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


def _with_separator(code: Code, one: Diagnostic) -> Edits:
    call = _call(code, one)
    module = None if call is None else code.module("os", call)
    if call is None or module is None or len(call.args) != 1:
        return ()
    given = call.args[0]
    path = code.source(given)
    if not re.search(r"os\.path|str\(", code.source(code.function(call) or call)) or isinstance(given, ast.Attribute):
        return ()
    return (*module[1], code.replace(given, f"{path} + {module[0]}.sep"))


def _compared_at_once(code: Code, one: Diagnostic) -> Edits:
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


def _whole_seconds(code: Code, one: Diagnostic) -> Edits:
    """Take all seconds of a difference, as a whole number where one is needed."""
    part = next((node for node in code.at(one) if isinstance(node, ast.Attribute) and node.attr == "seconds"), None)
    if part is None:
        return ()
    around = code.parent(part)
    fraction = isinstance(around, ast.Compare) or (isinstance(around, ast.BinOp) and isinstance(around.op, ast.Div))
    text = f"{code.source(part.value)}.total_seconds()"
    (last, column), (first, start) = code.end(part), code.start(part)
    text = (
        code.lines[first - 1][start - 1 : column - 1].removesuffix("seconds") + "total_seconds()"
        if first == last
        else text
    )
    return (code.replace(part, text if fraction else f"int({text})"),)


def _multiplied_first(code: Code, one: Diagnostic) -> Edits:
    share = next((node for node in code.at(one) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)), None)
    if share is None or not isinstance(share.left, ast.BinOp):
        return ()
    part, whole = code.source(share.left.left), code.source(share.left.right)
    return (code.replace(share, f"{part} * {code.source(share.right)} // {whole}"),)


def _on_commit(code: Code, one: Diagnostic) -> Edits:
    """Send a job once the transaction is stored."""
    call = _call(code, one)
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


def _step_before(code: Code, one: Diagnostic) -> Edits:
    """Take the loop's step also where the rest is skipped."""
    loop = next((node for node in code.at(one) if isinstance(node, ast.While)), None)
    step = loop.body[-1] if loop is not None else None
    if loop is None or not isinstance(step, ast.AugAssign):
        return ()
    skips = [node for node in ast.walk(loop) if isinstance(node, ast.Continue)]
    skips = [
        node
        for node in skips
        if next((up for up in code.above(node) if isinstance(up, (ast.While, ast.For))), 0) is loop
    ]
    if len(skips) != 1 or not code.alone(skips[0]):
        return ()
    place = code.block(skips[0])
    before = place[0][: place[1]] if place else []
    if any(
        dotted(step.target) in code.source(node) for node in before if isinstance(node, (ast.AugAssign, ast.Assign))
    ):
        return ()
    at = code.start(skips[0])
    return (Edit(at, at, f"{code.source(step)}\n{code.indent(skips[0])}"),)


def _listed(code: Code, one: Diagnostic) -> Edits:
    """Keep the values of what can be run through only once."""
    made = next((node for node in code.at(one) if isinstance(node, ast.Assign)), None)
    if made is None:
        return ()
    text = code.source(made.value)
    if isinstance(made.value, ast.GeneratorExp):
        return (code.replace(made.value, f"[{text[1:-1]}]"),)
    return (code.replace(made.value, f"list({text})"),) if isinstance(made.value, ast.Call) else ()


_CONFIDENTIAL = (
    r"(?i:(?:\w+\.)*_?(?:\w+_)?(?:password|passwd|secret|token|api_?key|credential|card_number|cvv|ssn)(?:_?key)?)"
)


def _starred(code: Code, one: Diagnostic) -> Edits:
    """Leave a secret out of a message."""
    call = _call(code, one)
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


def _committed(code: Code, one: Diagnostic) -> Edits:
    """Commit a change after it."""
    statement = next((node for node in code.at(one) if isinstance(node, ast.Expr)), None)
    call = None if statement is None else statement.value
    if statement is None or not isinstance(call, ast.Call) or not code.alone(statement):
        return ()
    end = code.end(statement)
    return (Edit(end, end, f"\n{code.indent(statement)}{dotted(call.func).rpartition('.')[0]}.commit()"),)


def _in_each_call(code: Code, one: Diagnostic) -> Edits:
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


def _own_field(code: Code, one: Diagnostic) -> Edits:
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


_FIXERS: dict[str, Callable[[Code, Diagnostic], Edits]] = {
    "ASYNC210": _in_thread,
    "ASYNC212": _in_thread,
    "ASYNC220": _in_thread,
    "ASYNC221": _in_thread,
    "ASYNC222": _in_thread,
    "ASYNC250": _in_thread,
    "ASYNC251": _sleeping,
    "B030": _several_errors,
    "B909": _over_copy,
    "BLE001": python_blocks.named,
    "DTZ003": _in_utc,
    "DTZ004": _in_utc,
    "DTZ005": _with_zone,
    "DTZ006": _with_zone,
    "E722": python_blocks.named,
    "PLW0177": _is_nan,
    "PLW0711": _several_errors,
    "RUF008": _made_by_factory,
    "RUF009": _made_by_factory,
    "S110": python_blocks.named,
    "S112": python_blocks.named,
    "S113": _argument("timeout=30"),
    "S201": _not_debugged,
    "S306": _temporary,
    "S307": _literal,
    "S505": _long_key,
    "S602": python_texts.without_shell,
    "S605": python_texts.without_shell,
    "S608": python_texts.with_parameters,
    "S701": _escaped,
    "S704": _markup,
    "SIM115": python_blocks.closed,
    "py-argparse-type-bool": _boolean_option,
    "py-called-instead-of-passed": _passed,
    "py-collection-changed-in-loop": _over_copy,
    "py-command-line-as-program": python_texts.without_shell,
    "py-continue-skips-step": _step_before,
    "py-cookie-without-protection": _protected,
    "py-change-not-committed": _committed,
    "py-decorator-below-route": _route_first,
    "py-default-evaluated-once": _called_later,
    "py-default-parameter-evaluated-once": _in_each_call,
    "py-endless-recursion": _own_field,
    "py-errors-of-gather-dropped": _with_errors,
    "py-iterator-used-up": _listed,
    "py-last-batch-not-flushed": python_blocks.flushed,
    "py-last-part-dropped": _rounded_up,
    "py-lock-not-released": python_blocks.locked,
    "py-loop-inside-loop": _awaited,
    "py-missing-comma-in-list": _comma,
    "py-next-element-past-end": _shorter,
    "py-not-restored-after-error": python_blocks.restored,
    "py-open-not-closed": python_blocks.closed,
    "py-operand-always-true": _one_of,
    "py-permission-by-assert": _raising,
    "py-prefix-without-separator": _with_separator,
    "py-range-past-end": _shorter,
    "py-secret-compared-in-steps": _compared_at_once,
    "py-secret-logged": _starred,
    "py-seconds-of-difference": _whole_seconds,
    "py-share-of-whole-numbers": _multiplied_first,
    "py-work-sent-before-commit": _on_commit,
}
