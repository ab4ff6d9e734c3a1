"""Finds a file's imports: the names that they bind, and the modules that these come from.

One reader serves most grammars: an import is a path of names with separators, and the last name of a path is bound.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from reviewer.syntax.tree import decoded, nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node, Tree

# Separators between the names of a path. ``import`` is one in Python: ``from a.b import c``.
_JOINS = frozenset((".", "::", "\\", "import", "?."))
_RENAMES = frozenset(("as", ":"))
_NAMES = frozenset(
    (
        *("identifier", "type_identifier", "package_identifier", "namespace_identifier", "property_identifier"),
        *("shorthand_property_identifier_pattern", "name"),
    )
)
_TEXTS = frozenset(("string_fragment", "string_content", "interpreted_string_literal_content", "system_lib_string"))
_PARTS = re.compile(r"[\w$@-]+(?:\.[\w-]+)*")
_GO_VERSION = re.compile(r"v\d+")
_ENDING = re.compile(r"\.(?:h|hh|hpp|hxx|js|mjs|cjs|jsx|ts|tsx|php|rb|sh|bash)$")
_REQUIRES = frozenset(("require", "require_relative", "load", "autoload"))
_SOURCES = frozenset(("source", "."))


@dataclass(frozen=True, slots=True)
class Import:
    """One import.

    Attributes:
        start, end: Its lines, 1-based.
        names: The names that it binds, each with the path that it stands for: ``("np", ("numpy",))``. Empty if unknown,
            as for ``#include``.
        modules: Paths where its files may be; the last part is a file, a folder or a name in one.
    """

    start: int
    end: int
    names: tuple[tuple[str, tuple[str, ...]], ...]
    modules: tuple[tuple[str, ...], ...]


def read(grammar: str, tree: Tree, data: bytes) -> Iterator[Import]:
    """Yield the imports of a tree in its order."""
    special = _GRAMMARS.get(grammar.partition(":")[0], {})
    for node in nodes(tree, frozenset(special)):
        found = special[node.type](node, data)
        if found is not None:
            yield found


def _paths(node: Node, data: bytes) -> Import | None:
    """Read an import that consists of paths of names."""
    words = [*((leaf.type, _text(leaf, data)) for leaf in _leaves(node)), ("", "")]
    reading = _Reading()
    for (kind, text), (_, following) in pairwise(words):
        if kind in _TEXTS:
            reading.module = _parts(text)
        elif kind in _NAMES:
            reading.name(text, following)
        else:
            reading.sign(kind, text)
    return _made(node, reading.module, reading.bound)


class _Reading:
    """The state while reading one import word by word.

    Attributes:
        module: The module that a string names.
        bound: The names that are bound, each with the path that it stands for.
    """

    def __init__(self) -> None:
        self.module: tuple[str, ...] = ()
        self.bound: list[tuple[str, tuple[str, ...]]] = []
        self._opened: list[tuple[str, ...]] = []
        self._base: tuple[str, ...] = ()  # the common path of all names in a list
        self._path: list[str] = []
        self._renamed = False

    def name(self, text: str, following: str) -> None:
        renames = following in _RENAMES
        if renames or following in _JOINS:
            self._path.append(text)
        else:
            self.bound.append((text, tuple(self._path) if self._renamed else (*self._path, text)))
        self._renamed = renames

    def sign(self, kind: str, text: str) -> None:
        if text == "import" and self._path:
            self._base = tuple(self._path)
        elif text == "{":
            self._opened.append(self._base)
            self._base, self._renamed = tuple(self._path), False
        elif text == "}" and self._opened:
            self._base = self._opened.pop()
        elif text == "," or kind == "self":
            if kind == "self" and self._opened and self._base:  # Rust's `use std::fmt::{self, Write}`
                self.bound.append((self._base[-1], self._base))
            self._path, self._renamed = list(self._base), False
        elif text == "*":
            self.bound.append(("*", tuple(self._path)))


def _made(node: Node, module: tuple[str, ...], bound: list[tuple[str, tuple[str, ...]]]) -> Import:
    """Prefix the names with the module that a string names."""
    full = [(name, (*module, *path) if module else path) for name, path in bound]
    modules = (module,) if module else tuple(dict.fromkeys(path for _, path in full))
    names = tuple((name, path) for name, path in full if name != "*")
    return Import(node.start_point.row + 1, _last_row(node) + 1, names, modules)


def _dotted(node: Node, data: bytes) -> Import | None:
    """Python's ``import a.b`` binds ``a``."""
    found = _paths(node, data)
    if found is None or node.type != "import_statement":
        return found
    names = tuple((path[0], path[:1]) if name == path[-1] else (name, path) for name, path in found.names)
    return Import(found.start, found.end, names, found.modules)


def _go(node: Node, data: bytes) -> Import | None:
    path = node.child_by_field_name("path")
    parts = () if path is None else _parts(_text(path, data).strip('"`'))
    if not parts:
        return None
    own = node.child_by_field_name("name")
    last = parts[:-1] if len(parts) > 1 and _GO_VERSION.fullmatch(parts[-1]) else parts
    name = last[-1] if own is None else _text(own, data)
    return _made(node, (), [("*" if name in "._" else name, last)])


def _included(node: Node, data: bytes) -> Import | None:
    path = node.child_by_field_name("path")
    parts = () if path is None else _parts(_text(path, data).strip('"<>'))
    return _made(node, parts, []) if parts else None


def _aliased(node: Node, data: bytes) -> Import | None:
    """C#'s ``using`` binds a name only if it renames one; otherwise it opens a namespace."""
    own = node.child_by_field_name("name")
    path = [_text(part, data) for part in _leaves(node) if part.type in _NAMES and part != own]
    if not path:
        return None
    return _made(node, (), [("*" if own is None else _text(own, data), tuple(path))])


def _required(node: Node, data: bytes) -> Import | None:
    """JavaScript's ``const a = require("b")``."""
    value = node.child_by_field_name("value")
    names = node.child_by_field_name("name")
    called = value.child_by_field_name("function") if value is not None and value.type == "call_expression" else None
    if value is None or names is None or called is None or _text(called, data) != "require":
        return None
    left, right = _paths(names, data), _paths(value, data)
    if left is None or right is None or not right.modules:
        return None
    module = right.modules[0]
    whole = names.type == "identifier"
    bound = [(name, module if whole else (*module, *path)) for name, path in left.names]
    start = node.parent.start_point.row if node.parent is not None else node.start_point.row
    return Import(start + 1, _last_row(node) + 1, tuple(bound), (module,))


def _called(node: Node, data: bytes) -> Import | None:
    """Ruby's ``require`` and the shell's ``source`` are ordinary calls."""
    word = node.child_by_field_name("method") or node.child_by_field_name("name")
    wanted = _REQUIRES if node.type == "call" else _SOURCES
    if word is None or _text(word, data) not in wanted or node.child_by_field_name("receiver") is not None:
        return None
    rest = decoded(data[word.end_byte : node.end_byte]).strip(" ()")
    parts = _parts(rest.split("\n", 1)[0].replace('"', " ").replace("'", " "))
    return _made(node, parts, []) if parts else None


def _leaves(node: Node) -> list[Node]:
    """The tokens of a node in order, up to a limit."""
    found: list[Node] = []
    waiting = [node]
    while waiting and len(found) < _MOST_WORDS:
        part = waiting.pop()
        if part.child_count:
            waiting.extend(reversed(part.children))
        else:
            found.append(part)
    return found


def _parts(path: str) -> tuple[str, ...]:
    """Split a module's name or a file's path at its separators, without file endings and ``..``."""
    path = _ENDING.sub("", path.strip())
    return tuple(part for part in _PARTS.findall(path) if part.strip("."))


def _text(node: Node, data: bytes) -> str:
    return decoded(data[node.start_byte : node.end_byte])


def _last_row(node: Node) -> int:
    """The last row of a node; C's ``#include`` includes its line feed."""
    end = node.end_point
    return end.row - 1 if end.column == 0 and end.row > node.start_point.row else int(end.row)


_MOST_WORDS = 2_000
_SCRIPT: dict[str, Callable[[Node, bytes], Import | None]] = {
    "import_statement": _paths,
    "variable_declarator": _required,
}
_C: dict[str, Callable[[Node, bytes], Import | None]] = {"preproc_include": _included, "using_declaration": _paths}
_GRAMMARS: dict[str, dict[str, Callable[[Node, bytes], Import | None]]] = {
    "tree_sitter_python": {"import_statement": _dotted, "import_from_statement": _dotted},
    "tree_sitter_javascript": _SCRIPT,
    "tree_sitter_typescript": _SCRIPT,
    "tree_sitter_go": {"import_spec": _go},
    "tree_sitter_rust": {"use_declaration": _paths},
    "tree_sitter_java": {"import_declaration": _paths},
    "tree_sitter_kotlin": {"import": _paths},
    "tree_sitter_c": _C,
    "tree_sitter_cpp": _C,
    "tree_sitter_c_sharp": {"using_directive": _aliased},
    "tree_sitter_ruby": {"call": _called},
    "tree_sitter_php": {"namespace_use_declaration": _paths},
    "tree_sitter_bash": {"command": _called},
}
