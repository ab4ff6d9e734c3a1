"""Reads YAML into nodes that know their places, and looks into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

_LONGEST = 200_000  # characters of a file
_DEEPEST = 40
_MOST = 20_000  # nodes of a file


def parsed(text: str) -> list[Node]:
    """Parse a file; empty where it is no YAML, or more than is looked at."""
    if "{{-" in text or "\t" in text[:1]:
        return []
    documents = composed(text) or []
    return documents if sum(1 for one in documents for _ in walk(one)) < _MOST else []


def composed(text: str) -> list[Node] | None:
    """Parse a file; None where it is no YAML, or too long."""
    import yaml

    if len(text) > _LONGEST:
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [one for one in yaml.compose_all(text, loader) if one is not None]
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def kind_of(node: Node) -> str:
    """Return scalar, sequence or mapping."""
    return str(getattr(node, "id", ""))


def walk(node: Node, depth: int = 0, seen: set[int] | None = None) -> Iterator[Node]:
    """Yield a node and those below it, each once; a node that several places name is one node."""
    seen = set() if seen is None else seen
    if id(node) in seen or depth > _DEEPEST:
        return
    seen.add(id(node))
    yield node
    if kind_of(node) == "mapping":
        for key, value in node.value:
            yield from walk(key, depth + 1, seen)
            yield from walk(value, depth + 1, seen)
    elif kind_of(node) == "sequence":
        for one in node.value:
            yield from walk(one, depth + 1, seen)


def pairs(node: Node | None) -> list[tuple[str, Node]]:
    """The pairs of a mapping by the text of their keys; empty for any other node."""
    if node is None or kind_of(node) != "mapping":
        return []
    return [(key.value, value) for key, value in node.value if kind_of(key) == "scalar"]


def child(node: Node | None, *path: str) -> Node | None:
    """Return the node that the keys lead to; None where there is none."""
    for key in path:
        node = dict(pairs(node)).get(key)
    return node


def items(node: Node | None) -> list[Node]:
    """Return the nodes of a sequence; empty for any other node."""
    return list(node.value) if node is not None and kind_of(node) == "sequence" else []


def text_of(node: Node | None, *path: str) -> str:
    """Return the text of the scalar that the keys lead to; empty where there is none."""
    found = child(node, *path)
    return str(found.value) if found is not None and kind_of(found) == "scalar" else ""


def labels(node: Node | None) -> dict[str, str]:
    """Return the scalars of a mapping by their keys."""
    return {key: str(value.value) for key, value in pairs(node) if kind_of(value) == "scalar"}
