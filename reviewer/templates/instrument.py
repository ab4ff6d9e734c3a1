"""The counters of ``budget.py``, put into a template after it was parsed and before it is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError, nodes
from jinja2.visitor import NodeTransformer

from reviewer.templates import budget

if TYPE_CHECKING:
    from collections.abc import Callable

FILTERS: dict[str, Callable[..., object]] = {
    "_rounds": budget.rounds,
    "_concat": budget.concat_values,
    "_scalar": budget.scalar,
}
"""What an instrumented template calls."""


def instrument(tree: nodes.Template, name: str | None, filename: str | None) -> nodes.Template:
    """Put the counters into a parsed template.

    Raises:
        TemplateSyntaxError: It uses what cannot be counted.
    """
    counted: nodes.Template = _Instrument(name, filename).visit(tree)
    return counted


class _Instrument(NodeTransformer):
    """Around what ``for`` walks, for each ``~``, and in each container; the visitor finds its methods by name."""

    def __init__(self, name: str | None, filename: str | None) -> None:
        self._name = name
        self._filename = filename

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        if node.recursive:
            self._refuse("a recursive loop", node)
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_rounds")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.Tuple(node.nodes, "load", lineno=node.lineno), "_concat")

    def visit_Name(self, node: nodes.Name) -> nodes.Node:  # noqa: N802
        if node.name in ("varargs", "kwargs"):
            self._refuse(node.name, node)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.items = [_element(item) for item in node.items]
        return node

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if node.ctx == "load":  # the other kind is what `for a, b in …` stores to
            node.items = [_element(item) for item in node.items]
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.value = _element(node.value)
        return node

    def _refuse(self, what: str, node: nodes.Node) -> None:
        raise TemplateSyntaxError(f"{what} is not supported", node.lineno, self._name, self._filename)


def _element(node: nodes.Expr) -> nodes.Expr:
    if isinstance(node, (nodes.Const, nodes.List, nodes.Tuple, nodes.Dict)):
        return node
    return _filtered(node, "_scalar")


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
