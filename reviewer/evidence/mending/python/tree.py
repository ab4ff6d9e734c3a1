"""The syntax tree of a Python file, with places in characters as reports have them."""

from __future__ import annotations

import ast
import functools
import re
import warnings
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.diagnostic import Diagnostic

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MAX_CHARS = 400_000
_FAR = 25  # lines; an import further up is not shown together with the fault


class Code:
    """A parsed file."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = [line.removesuffix("\r") for line in text.split("\n")]
        self.tree = _parsed(text)
        self._parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around a node."""
        return self._parents.get(node)

    def above(self, node: ast.AST | None) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        while node is not None and (node := self._parents.get(node)) is not None:
            yield node

    def at(self, one: Diagnostic) -> Iterator[ast.AST]:
        """The nodes that span what a report names, innermost first."""
        start, end = (one.line, one.column), (one.end_line or one.line, one.end_column)
        spanning = [
            node
            for node in ast.walk(self.tree)
            if hasattr(node, "lineno") and self.start(node) <= start and end <= self.end(node)
        ]
        # A walk yields outer nodes first.
        yield from reversed(spanning)

    def start(self, node: ast.AST) -> tuple[int, int]:
        """Line and column of a node, 1-based, in characters."""
        return self._place(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> tuple[int, int]:
        """Line and column after a node."""
        return self._place(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _place(self, line: int, offset: int) -> tuple[int, int]:
        text = self.lines[line - 1]
        if not text.isascii():
            offset = len(text.encode("utf-8", "surrogateescape")[:offset].decode("utf-8", "surrogateescape"))
        return line, offset + 1

    def source(self, node: ast.AST) -> str:
        """The text of a node."""
        (first, start), (last, end) = self.start(node), self.end(node)
        if first == last:
            return self.lines[first - 1][start - 1 : end - 1]
        middle = self.lines[first : last - 1]
        return "\n".join((self.lines[first - 1][start - 1 :], *middle, self.lines[last - 1][: end - 1]))

    def replace(self, node: ast.AST, text: str) -> Edit:
        """Replace a node."""
        return Edit(self.start(node), self.end(node), text)

    def indent(self, node: ast.AST) -> str:
        """The indentation of a statement."""
        line = self.lines[self.start(node)[0] - 1]
        return line[: len(line) - len(line.lstrip())]

    def alone(self, node: ast.stmt) -> bool:
        """Whether a statement has its lines to itself."""
        (first, start), (last, end) = self.start(node), self.end(node)
        return not self.lines[first - 1][: start - 1].strip() and not self.lines[last - 1][end - 1 :].strip()

    def block(self, node: ast.stmt) -> tuple[list[ast.stmt], int] | None:
        """The statements that a statement is one of, and its place among them."""
        around = self.parent(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(around, name, None)
            if isinstance(statements, list) and node in statements:
                return statements, statements.index(node)
        return None

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function around a node; None where a lambda or a class lies between."""
        for one in self.above(node):
            if isinstance(one, FUNCTIONS):
                return one
            if isinstance(one, (ast.Lambda, ast.ClassDef)):
                return None
        return None

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """The statement that a node is part of, or the node itself."""
        if isinstance(node, ast.stmt):
            return node
        return next((one for one in self.above(node) if isinstance(one, ast.stmt)), None)

    def imported(self, module: str) -> str | None:
        """The name under which the file has a module; None where it does not import it."""
        for node in self._imports():
            for alias in node.names if isinstance(node, ast.Import) else ():
                if alias.name == module and (alias.asname or "." not in module):
                    return alias.asname or module
        return None

    def taken(self, module: str, name: str) -> str | None:
        """How the file calls a name of a module; None where it imports neither."""
        for node in self._imports():
            if not isinstance(node, ast.ImportFrom) or node.module != module or node.level:
                continue
            for alias in node.names:
                if alias.name == name:
                    return alias.asname or name
        whole = self.imported(module)
        return None if whole is None else f"{whole}.{name}"

    def _imports(self) -> Iterator[ast.Import | ast.ImportFrom]:
        for node in self.tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield node

    def module(self, name: str, near: ast.AST) -> tuple[str, tuple[Edit, ...]] | None:
        """The name of a module, and the edits that import it where the file does not."""
        known = self.imported(name)
        if known is not None:
            return known, ()
        return self._new_import(name, f"import {name}", near, name)

    def name(self, module: str, name: str, near: ast.AST) -> tuple[str, tuple[Edit, ...]] | None:
        """How to call a name of a module near a node, and the edits that import it."""
        known = self.taken(module, name)
        if known is not None:
            return known, ()
        line = self.start(near)[0]
        for node in self._imports():
            one_line = isinstance(node, ast.ImportFrom) and node.module == module and node.lineno == node.end_lineno
            if one_line and line - node.lineno <= _FAR and "(" not in self.source(node) and not self._binds(name):
                names = sorted([*map(ast.unparse, node.names), name], key=lambda one: (one[0].islower(), one))
                return name, (self.replace(node, f"from {module} import {', '.join(names)}"),)
        return self._new_import(name, f"from {module} import {name}", near, name)

    def _binds(self, name: str) -> bool:
        return re.search(rf"\b{re.escape(name)}\b", self.text) is not None

    def _new_import(self, name: str, text: str, near: ast.AST, bound: str) -> tuple[str, tuple[Edit, ...]] | None:
        """Import near the top where that is in sight, else first in the function."""
        # A name that the file uses otherwise may be another thing.
        if self._binds(bound):
            return None
        imports = [node for node in self._imports() if not (isinstance(node, ast.ImportFrom) and node.level)]
        imports = [node for node in imports if getattr(node, "module", "") != "__future__" and self.alone(node)]
        if not imports or self.start(near)[0] - imports[0].lineno > _FAR:
            return None
        plain = [node for node in imports if isinstance(node, ast.Import)]
        same = plain if text.startswith("import") and plain else imports
        key = text.split()[1]
        before = [node for node in same if _module(node) < key]
        at = (before[-1].end_lineno or before[-1].lineno) + 1 if before else same[0].lineno
        return name, (Edit((at, 1), (at, 1), f"{text}\n"),)


def _module(node: ast.Import | ast.ImportFrom) -> str:
    return node.names[0].name if isinstance(node, ast.Import) else node.module or ""


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


@functools.lru_cache(maxsize=8)
def read(text: str) -> Code | None:
    """Parse a file; None where it is no Python that this interpreter knows."""
    if len(text) > _MAX_CHARS:
        return None
    try:
        return Code(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def dotted(node: ast.AST | None) -> str:
    """A name with its attributes, such as ``self.lock``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""
