"""Adds the counters of ``budget.py`` to a parsed template before it is compiled."""

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
    "_step": budget.passed,
}
"""The filters that an instrumented template calls."""


def instrument(tree: nodes.Template, name: str | None, filename: str | None) -> nodes.Template:
    """Add the counters to a parsed template.

    Raises:
        TemplateSyntaxError: It uses something that cannot be counted.
    """
    counted: nodes.Template = _Instrument(name, filename).visit(tree)
    return counted


class _Instrument(NodeTransformer):
    """Changes loops, ``~``, comparisons, subscripts and containers; the visitor finds its methods by name."""

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

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _filtered(node.expr, "_step")
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.node = _filtered(node.node, "_step")
        return node

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
        if node.ctx == "load":  # not the targets of `for a, b in …`
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
