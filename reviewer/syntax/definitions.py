"""Finds the functions, methods and classes of a syntax tree."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.syntax.names import name_of
from reviewer.syntax.tree import decoded, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

# Node types of all grammars; none has another meaning in another grammar.
_CLASSES = frozenset(
    (
        *("class_definition", "class_declaration", "abstract_class_declaration", "class_specifier", "class"),
        *("struct_specifier", "struct_declaration", "struct_item", "enum_item", "trait_item", "impl_item", "mod_item"),
        *("interface_declaration", "enum_declaration", "record_declaration", "trait_declaration", "object_declaration"),
        *("companion_object", "namespace_definition", "namespace_declaration", "internal_module", "module"),
        "type_spec",
    )
)
_FUNCTIONS = frozenset(
    (
        *("function_definition", "function_declaration", "generator_function_declaration", "function_item"),
        *("method_definition", "method_declaration", "method", "singleton_method", "local_function_statement"),
        *("constructor_declaration", "compact_constructor_declaration", "destructor_declaration"),
        *("operator_declaration", "secondary_constructor"),
    )
)
# These give a function a name: `const f = () => …`, `exports.f = function () …`, `{f: () => …}`.
_HOLDERS = frozenset(
    ("variable_declarator", "field_definition", "public_field_definition", "assignment_expression", "pair")
)
_VALUES = frozenset(("arrow_function", "function_expression", "generator_function"))
_BODIES = frozenset(("function_body", "class_body", "enum_class_body", "block", "field_declaration_list"))
_COMMENTS = frozenset(("comment", "line_comment", "block_comment", "multiline_comment"))
_LINE_END = re.compile(rb"\n")
_DECORATED = "decorated_definition"
_DEFINITIONS = _CLASSES | _FUNCTIONS | {_DECORATED}
_PYTHON = "tree_sitter_python:language"
_RUBY = "tree_sitter_ruby:language"

# Qualified names along a hostile nesting would fill the memory.
_MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Scope:
    """A function, method or class.

    Attributes:
        kind: ``"function"``, ``"method"`` or ``"class"`` (also a struct, trait, module, namespace).
        name: Qualified with ``.``, such as ``Stack.pop``.
        start: First line, 1-based; decorators count.
        end: Last line.
        signature_end: The line on which the signature ends.
    """

    kind: str
    name: str
    start: int
    end: int
    signature_end: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method with a body.

    Attributes:
        name: Qualified with ``.``, such as ``Stack.pop``.
        start: First line, 1-based; decorators count.
        end: Last line.
        body_start: First line of the body, with its opening brace.
        body_end: Last line of the body, with its closing brace.
        body_bytes: Where the body with its braces begins and ends, in bytes of the encoded text.
        body_text: The body without its braces, stripped.
        body_code: The same without comments and, in Python, without the docstring.
        indent: Indentation of the function's first line.
        signature: The text before the body, in one line, without decorators.
        decorators: Python's decorators, with ``@``.
        owner: Signature of the enclosing class or function, such as ``class Shape(Protocol):``; may be empty.
    """

    name: str
    start: int
    end: int
    body_start: int
    body_end: int
    body_text: str
    body_code: str
    indent: str
    signature: str
    body_bytes: tuple[int, int] = (0, 0)
    decorators: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A scope, the number of scopes around it, and its function if it is one with a body."""

    scope: Scope
    depth: int
    function: Function | None


def read(grammar: str, tree: Tree, data: bytes) -> Iterator[Definition]:
    """Yield every definition of a tree, outer ones first."""
    return _Reader(grammar, tree, data).read()


@dataclass(frozen=True, slots=True)
class _Around:
    """A definition around the next one."""

    end_byte: int
    name: str
    is_class: bool
    signature: str


class _Reader:
    def __init__(self, grammar: str, tree: Tree, data: bytes) -> None:
        self._data = data
        self._python = grammar == _PYTHON
        self._ruby = grammar == _RUBY
        # Only JavaScript's family names functions by holding them.
        wanted = _DEFINITIONS | (_HOLDERS if "script" in grammar else frozenset())
        self._definitions: list[Node] = []
        self._comments: list[tuple[int, int]] = []
        for node in nodes(tree, wanted | _COMMENTS):
            if node.type in _COMMENTS:
                self._comments.append((node.start_byte, node.end_byte))
            else:
                self._definitions.append(node)
        self._line_ends = [found.start() for found in _LINE_END.finditer(data)]

    def read(self) -> Iterator[Definition]:
        around: list[_Around] = []
        decorated: Node | None = None
        for node in self._definitions:
            while around and around[-1].end_byte <= node.start_byte:
                around.pop()
            if node.type == _DECORATED:
                decorated = node
                continue
            whole = decorated if decorated is not None and decorated.end_byte == node.end_byte else node
            if len(around) < _MAX_DEPTH:
                yield from self._definition(node, whole, around)

    def _definition(self, node: Node, whole: Node, around: list[_Around]) -> Iterator[Definition]:
        value = _value(node) if node.type in _HOLDERS else node
        own_name = name_of(node, self._data)
        if value is None or not own_name:  # such as the "module" at the root of a Python tree
            return
        owner = around[-1] if around else None
        name = f"{owner.name}.{own_name}" if owner is not None else own_name
        body = self._body(value)
        body_start = node.end_byte if body is None else body[0]
        signature = " ".join(self._text(node.start_byte, body_start).split())
        is_class = node.type in _CLASSES
        in_class = (owner is not None and owner.is_class) or ("." in own_name and node.type not in _HOLDERS)
        scope = Scope(
            kind="class" if is_class else "method" if in_class else "function",
            name=name,
            start=whole.start_point.row + 1,
            end=self._line(max(whole.start_byte, whole.end_byte - 1)),
            signature_end=self._line(body_start - (body is None or self._python or self._ruby)),
        )
        function = None
        if not is_class and body is not None:
            function = self._function(scope, whole, body, signature, owner.signature if owner else "")
        yield Definition(scope, len(around), function)
        around.append(_Around(whole.end_byte, name, is_class, signature))

    def _function(self, scope: Scope, whole: Node, body: tuple[int, int], signature: str, owner: str) -> Function:
        start, end = body
        text = self._text(start, end)
        decorators = [child for child in whole.children if child.type == "decorator"]
        line_start = self._data.rfind(b"\n", 0, whole.start_byte) + 1
        return Function(
            name=scope.name,
            start=scope.start,
            end=scope.end,
            body_start=self._line(start + len(text) - len(text.lstrip())) if text.strip() else scope.signature_end,
            body_end=self._line(end - 1) if text.strip() else scope.end,
            body_text=self._inside(text),
            body_code=self._code(start, end),
            indent=_leading_space(self._text(line_start, whole.start_byte)),
            signature=signature,
            body_bytes=body,
            decorators=tuple(self._text(child.start_byte, child.end_byte) for child in decorators),
            owner=owner,
        )

    def _body(self, node: Node) -> tuple[int, int] | None:
        """Where a body begins and ends, in bytes.

        A body without braces begins right after the signature, because comments before the first statement are not
        part of the tree's body.
        """
        if self._ruby:
            return _ruby_body(node)
        body = node.child_by_field_name("body") or _first(node, _BODIES)
        if body is None:
            return None
        colons = [child.end_byte for child in node.children if child.type == ":" and child.end_byte <= body.start_byte]
        return (colons[-1] if self._python and colons else body.start_byte), body.end_byte

    def _code(self, start: int, end: int) -> str:
        first, last = bisect_left(self._comments, (start, start)), bisect_left(self._comments, (end, end))
        parts: list[bytes] = []
        for begin, finish in self._comments[first:last]:
            parts.append(self._data[start:begin])
            start = max(start, finish)
        parts.append(self._data[start:end])
        code = self._inside(decoded(b"".join(parts)))
        return _without_docstring(code) if self._python else code

    def _inside(self, body: str) -> str:
        """Remove a body's braces, or the sign before an expression body."""
        text = body.strip().removeprefix(";").strip() if self._ruby else body.strip()
        if self._python or self._ruby:
            return text
        text = text.removeprefix("=>").removeprefix("=").strip()
        return text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text

    def _line(self, byte: int) -> int:
        return bisect_left(self._line_ends, byte) + 1

    def _text(self, start: int, end: int) -> str:
        return decoded(self._data[start:end])


def _value(node: Node) -> Node | None:
    """The function that a holder names; None if it holds something else."""
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    return value if value is not None and value.type in _VALUES else None


def _first(node: Node, types: frozenset[str]) -> Node | None:
    return next((child for child in node.named_children if child.type in types), None)


def _ruby_body(node: Node) -> tuple[int, int]:
    """Ruby has no declarations: a method without a body node is empty, up to its ``end``."""
    head = node.child_by_field_name("parameters") or node.child_by_field_name("superclass")
    head = head or node.child_by_field_name("name") or node
    equals = [child.end_byte for child in node.children if child.type == "="]
    ends = [child.start_byte for child in node.children if child.type == "end"]
    return max([head.end_byte, *equals]), ends[-1] if ends else node.end_byte


def _without_docstring(code: str) -> str:
    for quote in ('"""', "'''", '"', "'"):
        body = code.lstrip("rRuUbB")
        if body.startswith(quote):
            end = body.find(quote, len(quote))
            rest = body[end + len(quote) :] if end >= 0 else ""
            return rest.strip() if not rest.strip(" \t") or rest.lstrip(" \t")[:1] in "\n;" else code
    return code


def _leading_space(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]
