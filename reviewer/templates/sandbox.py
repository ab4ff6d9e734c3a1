"""What a template may do, and how much of it.

Jinja's own sandbox keeps a template from reaching Python. It does not keep one from running for ever or from filling
the memory, so this one also counts: every loop round, call, filter and template loaded is a step, and every text that
grows is measured before it is built. Filters and methods that make text of any size from a number are left out.
"""

from __future__ import annotations

import functools
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    nodes,
)
from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from reviewer import assets
from reviewer.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MAX_OUTPUT = 2 * 1024 * 1024
"""Characters of a rendered prompt, and of any text made on the way; far more than a context length holds."""

MAX_STEPS = 200_000
"""Loop rounds, calls, filters and loads of one rendering; a diff of 10,000 lines takes some 10,000."""

MAX_SECONDS = 10.0
"""Time of one rendering, for steps that are few and long; a prompt takes milliseconds."""

MAX_SOURCE = 64 * 1024
"""Characters of one template."""

_MAX_RANGE = 10_000
_MAX_INTEGER = 2**63
_PACKAGED = "packaged/"

_FILTERS = (
    *("abs", "capitalize", "count", "default", "first", "float", "int", "items", "join", "last", "length", "list"),
    *("lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr"),
    *("sort", "string", "title", "trim", "truncate", "unique", "upper", "wordcount"),
)
# Methods whose result is no larger than what they are called on.
_METHODS: dict[type, tuple[str, ...]] = {
    str: (
        *("count", "endswith", "find", "isdigit", "isidentifier", "isspace", "isupper", "islower", "lower", "lstrip"),
        *("partition", "removeprefix", "removesuffix", "rpartition", "rsplit", "rstrip", "split", "splitlines"),
        *("startswith", "strip", "upper"),
    ),
    dict: ("get", "items", "keys", "values"),
    tuple: ("count", "index"),
    list: ("count", "index"),
}
_LOOP_METHODS = ("changed", "cycle")


class _TooMuchError(SecurityError):
    """The template asks for more than a prompt needs."""


class _Budget:
    """What is left to one rendering."""

    def __init__(self) -> None:
        self.steps = MAX_STEPS
        self.deadline = time.monotonic() + MAX_SECONDS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise _TooMuchError(f"more than {MAX_STEPS:,} steps")
        if time.monotonic() > self.deadline:
            raise _TooMuchError(f"more than {MAX_SECONDS:g} s")


_budget: ContextVar[_Budget] = ContextVar("_budget")


def _bounded(length: int) -> None:
    if length > MAX_OUTPUT:
        raise _TooMuchError(f"more than {MAX_OUTPUT:,} characters")


def _concat(parts: Iterable[str]) -> str:
    """Join pieces as ``"".join`` does, stopping at the bound instead of after it."""
    texts: list[str] = []
    total = 0
    for part in parts:
        total += len(part)
        _bounded(total)
        texts.append(part)
    return "".join(texts)


def _join(values: Iterable[object], separator: object = "", attribute: str | int | None = None) -> str:
    if attribute is not None:
        raise _TooMuchError("join with an attribute; use map(attribute=…) first")
    between = str(separator)
    texts: list[str] = []
    for value in values:
        texts += (between, str(value)) if texts else (str(value),)
        _budget.get().step()
    return _concat(texts)


def _replace(text: object, old: object, new: object, count: int | None = None) -> str:
    source, before, after = str(text), str(old), str(new)
    _bounded(len(source) + source.count(before) * max(0, len(after) - len(before)))
    return source.replace(before, after, -1 if count is None else count)


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > _MAX_RANGE:
        raise _TooMuchError(f"a range of more than {_MAX_RANGE:,}")
    return numbers


def _rounds(values: Iterable[object]) -> Iterator[object]:
    budget = _budget.get()
    for value in values:
        budget.step()
        yield value


def _concat_values(values: Iterable[object]) -> str:
    return _concat(str(value) for value in values)


def _counted(work: Callable[..., object]) -> Callable[..., object]:
    # wraps() copies the mark by which jinja2 knows that a filter wants its environment.
    @functools.wraps(work)
    def counted(*args: object, **kwargs: object) -> object:
        _budget.get().step()
        return work(*args, **kwargs)

    return counted


class _Instrument(NodeTransformer):
    """Puts the counters into a parsed template: around what each ``for`` walks and in place of each ``~``."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - named by jinja2's visitor
        if node.recursive:
            raise TemplateSyntaxError("a recursive loop is not supported here", node.lineno)
        self.generic_visit(node)
        node.iter = self._filtered(node.iter, "_rounds")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._filtered(nodes.Tuple(node.nodes, "load", lineno=node.lineno), "_concat")

    @staticmethod
    def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "*", "**", "%"))
    concat = staticmethod(_concat)

    def __init__(self, loader: BaseLoader) -> None:
        # No autoescape: a prompt is plain text for a model, and escaped code would be other code.
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            optimized=False,
            auto_reload=False,
        )
        known = {name: self.filters[name] for name in _FILTERS} | {"join": _join, "replace": _replace}
        self.filters = {name: _counted(work) for name, work in known.items()}
        self.filters |= {"_rounds": _rounds, "_concat": _concat_values}
        self.globals = {"range": _range, "namespace": Namespace}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Instrument().visit(super()._parse(source, name, filename))
        return tree

    def _load_template(self, name: str, globals: Any) -> Any:  # noqa: A002 - named by jinja2
        _budget.get().step()
        return super()._load_template(name, globals)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as jinja2 has it
        _budget.get().step()
        if not __self.is_safe_callable(__obj):
            raise SecurityError(f"{getattr(__obj, '__name__', type(__obj).__name__)}() may not be called here")
        return super().call(__context, __obj, *args, **kwargs)

    def is_safe_callable(self, obj: Any) -> bool:
        if isinstance(obj, (Macro, BlockReference)) or obj is _range or obj is Namespace:
            return True
        name, owner = getattr(obj, "__name__", ""), getattr(obj, "__self__", None)
        if isinstance(owner, LoopContext):
            return name in _LOOP_METHODS
        return any(type(owner) is kind and name in names for kind, names in _METHODS.items())

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _budget.get().step()
        if operator == "+" and isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            _bounded(len(left) + len(right))
        elif operator == "**" or not (_small(left) and _small(right)):
            raise _TooMuchError(f"{operator} on these operands")
        return super().call_binop(context, operator, left, right)


def _small(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _MAX_INTEGER)


class _Loader(BaseLoader):
    """Overrides first, then the packaged templates; the latter also as ``packaged/<name>``, so that both can be had."""

    def __init__(self, overrides: Mapping[str, str], shown_as: str) -> None:
        self._overrides = overrides
        self._shown_as = shown_as

    def get_source(self, _environment: Environment, template: str) -> tuple[str, str, None]:
        if template in self._overrides:
            source = self._overrides[template]
            if len(source) > MAX_SOURCE:
                raise TemplateError(f"{self._shown_as}/{template} is longer than {MAX_SOURCE:,} characters")
            return source, f"{self._shown_as}/{template}", None
        name = template.removeprefix(_PACKAGED)
        if (
            not name.endswith(".j2")
            or any(part in ("", ".", "..") for part in name.split("/"))
            or "\\" in name
            or ":" in name
        ):
            raise TemplateNotFound(template)
        try:
            return assets.read(f"prompts/{name}"), f"prompts/{name}", None
        except assets.AssetError as error:
            raise TemplateNotFound(template) from error


class Sandbox:
    """Compiles and renders templates; every error of theirs leaves as a ``TemplateError`` with file and line."""

    def __init__(self, overrides: Mapping[str, str], *, shown_as: str) -> None:
        self._environment = _Environment(_Loader(overrides, shown_as))
        self._shown_as = shown_as

    def compile(self, name: str) -> None:
        """Compile a template without rendering it."""
        self._guarded(name, lambda: str(self._environment.get_template(name).name))

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template; white space at both ends is dropped."""
        return self._guarded(name, lambda: self._environment.get_template(name).render(values)).strip()

    def _guarded(self, name: str, work: Callable[[], str]) -> str:
        token = _budget.set(_Budget())
        try:
            return work()
        except TemplateSyntaxError as error:
            _fail(f"{error.filename or error.name or name}:{error.lineno}", error.message or "does not parse", error)
        except TemplateNotFound as error:
            _fail(_place(error, name), f"there is no template {error.message}", error)
        except UndefinedError as error:
            _fail(_place(error, name), error.message or "undefined variable", error)
        except JinjaError as error:
            _fail(_place(error, name), f"refused: {error.message}", error)
        except RecursionError as error:
            _fail(_place(error, name), "refused: it calls itself too deeply", error)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, SyntaxError, MemoryError) as error:
            # What a wrong expression of the template raises: a filter on the wrong type, a division by zero.
            _fail(_place(error, name), f"{type(error).__name__}: {error}", error)
        finally:
            _budget.reset(token)


def _place(error: BaseException, name: str) -> str:
    """Return ``file:line`` of the innermost template frame; jinja2 has rewritten the traceback to template lines."""
    place = name
    frame = error.__traceback__
    while frame is not None:
        if "__jinja_exception__" in frame.tb_frame.f_globals:
            place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place


def _fail(place: str, reason: str, cause: BaseException) -> NoReturn:
    raise TemplateError(
        f"{place}: {reason}", hint="mend that template, or delete it to use the packaged one" if "/" in place else None
    ) from cause
