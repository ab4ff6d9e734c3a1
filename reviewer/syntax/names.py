"""Finds the name of a definition, which each grammar puts elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.syntax.tree import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

_DECLARED = frozenset(
    ("identifier", "field_identifier", "qualified_identifier", "destructor_name", "operator_name", "template_function")
)


def name_of(node: Node, data: bytes) -> str:
    """Return a definition's name, after that of its type if it names one (``Stack.Pop`` in Go).

    Empty if it has no name or defines nothing: ``struct point *p`` in C only uses a type.

    Args:
        node: The definition.
        data: The parsed text; a node's own ``text`` is slow after parsing in chunks.
    """
    names = _Names(data)
    special = _SPECIAL.get(node.type)
    name = special(names, node) if special is not None else names.field(node, "name")
    return name.replace("::", ".")


class _Names:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def text(self, node: Node | None) -> str:
        return "" if node is None else decoded(self._data[node.start_byte : node.end_byte])

    def field(self, node: Node, name: str) -> str:
        return self.text(node.child_by_field_name(name))

    def implemented(self, node: Node) -> str:
        return self.field(node, "type").partition("<")[0].rpartition("::")[2]

    def go_type(self, node: Node) -> str:
        kind = node.child_by_field_name("type")
        return self.field(node, "name") if kind is not None and kind.type in ("struct_type", "interface_type") else ""

    def method(self, node: Node) -> str:
        """A method; in Go with its receiver's type: ``func (s *Stack[T]) Pop()``."""
        words = self.field(node, "receiver").strip("()").partition("[")[0].split()
        return ".".join((*(word.lstrip("*") for word in words[-1:]), self.field(node, "name")))

    def with_body(self, node: Node) -> str:
        return self.field(node, "name") if node.child_by_field_name("body") is not None else ""

    def declared(self, node: Node) -> str:
        """The name inside C's and C++'s nested declarators: ``int *(*f(void))(int)`` declares ``f``."""
        inner = node.child_by_field_name("declarator")
        if inner is None:
            return self.field(node, "name")
        while inner is not None and inner.type not in _DECLARED:
            inner = inner.child_by_field_name("declarator") or next(
                (child for child in inner.named_children if child.type.endswith(("declarator", "identifier", "_name"))),
                None,
            )
        return self.text(inner).replace(" ", "")


_SPECIAL: dict[str, Callable[[_Names, Node], str]] = {
    "assignment_expression": lambda names, node: names.field(node, "left"),
    "class_specifier": _Names.with_body,
    "companion_object": lambda names, node: names.field(node, "name") or "Companion",
    "destructor_declaration": lambda names, node: f"~{names.field(node, 'name')}",
    "field_definition": lambda names, node: names.field(node, "property"),
    "function_definition": _Names.declared,
    "impl_item": _Names.implemented,
    "method_declaration": _Names.method,
    "operator_declaration": lambda names, node: f"operator{names.field(node, 'operator')}",
    "pair": lambda names, node: names.field(node, "key"),
    "secondary_constructor": lambda _names, _node: "constructor",
    "struct_specifier": _Names.with_body,
    "type_spec": _Names.go_type,
}
