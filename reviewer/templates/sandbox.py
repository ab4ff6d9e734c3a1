"""Restricts what a template can do, and translates its errors.

Jinja's sandbox keeps a template away from Python but does not limit its time and memory. This one also counts the work
(``budget.py``), and omits filters and methods that make text of any size from a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, cast

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

from reviewer import assets
from reviewer.errors import TemplateError
from reviewer.templates import budget
from reviewer.templates.instrument import FILTERS, instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SOURCE = 64 * 1024
"""Characters of one template."""

_PACKAGED = "packaged/"
_HINT = "fix the template; to return to the packaged one, delete the file under .reviewer/prompts"

_TEXT_FILTERS = ("capitalize", "lower", "replace", "string", "title", "trim", "truncate", "upper", "wordcount")
_FILTERS = ("abs", "count", "default", "first", "float", "int", "items", "join", "last", "length", "round")
_WALKING_FILTERS = (
    *("list", "map", "max", "min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique"),
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


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "**", "%"))
    concat = staticmethod(budget.concat)

    def __init__(self, loader: BaseLoader) -> None:
        # No autoescape: a prompt is plain text, and escaping would change the code in it.
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            finalize=budget.printed,
            optimized=False,
            auto_reload=False,
        )
        ours = {"int": budget.whole, "join": budget.join, "replace": budget.replace, "round": budget.rounded}
        known = self.filters | ours
        self.filters = FILTERS | {name: budget.counted(known[name]) for name in _FILTERS}
        self.filters |= {name: budget.counted(known[name], of_text=True) for name in _TEXT_FILTERS}
        self.filters |= {name: budget.counted(known[name], walks=True) for name in _WALKING_FILTERS}
        self.tests = {name: budget.counted(cast("Callable[..., object]", test)) for name, test in self.tests.items()}
        self.globals = {"range": budget.bounded_range, "namespace": Namespace}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return instrument(super()._parse(source, name, filename), name, filename)

    def _load_template(self, name: str, globals: Any) -> Any:  # noqa: A002 - named by jinja2
        budget.step()
        return super()._load_template(name, globals)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as jinja2 has it
        budget.step()
        if not __self.is_safe_callable(__obj):
            raise SecurityError(f"{getattr(__obj, '__name__', type(__obj).__name__)}() may not be called here")
        return super().call(__context, __obj, *args, **kwargs)

    def is_safe_callable(self, obj: Any) -> bool:
        if isinstance(obj, (Macro, BlockReference)) or obj is budget.bounded_range or obj is Namespace:
            return True
        name, owner = getattr(obj, "__name__", ""), getattr(obj, "__self__", None)
        if isinstance(owner, LoopContext):
            return name in _LOOP_METHODS
        return any(type(owner) is kind and name in names for kind, names in _METHODS.items())

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        budget.check_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)


class _Loader(BaseLoader):
    """Finds an override first, then a packaged template; ``packaged/<name>`` always means the latter."""

    def __init__(self, overrides: Mapping[str, str], shown_as: str) -> None:
        self._overrides = overrides
        self._shown_as = shown_as

    def shown(self, name: str) -> str:
        """The path of a template in messages."""
        return f"{self._shown_as}/{name}" if name in self._overrides else f"prompts/{name}"

    def get_source(self, _environment: Environment, template: str) -> tuple[str, str, None]:
        if template in self._overrides:
            source = self._overrides[template]
            if len(source) > MAX_SOURCE:
                raise TemplateError(f"{self.shown(template)} is longer than {MAX_SOURCE:,} characters", hint=_HINT)
            return source, self.shown(template), None
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
    """Compiles and renders templates; every error in them becomes a ``TemplateError`` with file and line."""

    def __init__(self, overrides: Mapping[str, str], *, shown_as: str) -> None:
        self._loader = _Loader(overrides, shown_as)
        self._environment = _Environment(self._loader)

    def compile(self, name: str) -> None:
        """Compile a template without rendering it."""
        self._guarded(name, lambda: str(self._environment.get_template(name).name))

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template; white space at both ends is removed."""
        return self._guarded(name, lambda: self._environment.get_template(name).render(values)).strip()

    def _guarded(self, name: str, work: Callable[[], str]) -> str:
        shown = self._loader.shown(name)
        try:
            with budget.fresh():
                return work()
        except TemplateSyntaxError as error:
            _fail(f"{error.filename or shown}:{error.lineno}", error.message or "does not parse", error)
        except TemplateNotFound as error:
            _fail(_place(error, shown), f"there is no template {error.message}", error)
        except UndefinedError as error:
            _fail(_place(error, shown), error.message or "undefined variable", error)
        except JinjaError as error:
            _fail(_place(error, shown), f"refused: {error.message}", error)
        except RecursionError as error:
            _fail(_place(error, shown), "refused: it calls itself or nests too deeply", error)
        except SyntaxError as error:
            _fail(_place(error, shown), f"refused: {error.msg}", error)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, MemoryError) as error:
            # Raised by a wrong expression: a filter on the wrong type, a division by zero.
            _fail(_place(error, shown), f"{type(error).__name__}: {error}", error)


def _place(error: BaseException, place: str) -> str:
    """Return ``file:line`` of the innermost template frame in the traceback; else ``place``."""
    frame = error.__traceback__
    while frame is not None:
        if "__jinja_exception__" in frame.tb_frame.f_globals:
            place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place


def _fail(place: str, reason: str, cause: BaseException) -> NoReturn:
    raise TemplateError(f"{place}: {reason}", hint=_HINT) from cause
