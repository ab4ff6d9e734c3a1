"""Parsing with tree-sitter, within bounds of size and time.

tree-sitter parses broken code too, says where it is broken, and has grammars for every language that matters here as
wheels; a grammar is imported when the first file of its language turns up.
"""

from __future__ import annotations

import importlib
import time
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Tree

MAX_BYTES = 1024 * 1024
"""A larger text is not parsed."""

MAX_SECONDS = 2.0
"""Parsing that takes longer is given up; a real file of ``MAX_BYTES`` takes a tenth of that."""

_CHUNK = 64 * 1024


def encoded(text: str) -> bytes:
    """Return the bytes that a tree's positions count in."""
    # Lone surrogates stand for bytes that are no UTF-8; the grammar sees them as the odd characters they are.
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """Return the text of a part of ``encoded`` that begins and ends with a node."""
    return data.decode("utf-8", "surrogatepass")


def parse(grammar: str, data: bytes) -> Tree | None:
    """Parse a text; None where it is too large, or hostile enough to take too long.

    Args:
        grammar: ``Language.grammar``.
        data: The text as ``encoded`` gives it.
    """
    if len(data) > MAX_BYTES:
        return None
    parser = _parser(grammar)
    deadline = time.monotonic() + MAX_SECONDS
    try:
        return parser.parse(
            lambda offset, _point: data[offset : offset + _CHUNK],
            progress_callback=lambda _offset, _has_error: time.monotonic() > deadline,
        )
    except ValueError:  # told to stop
        parser.reset()
        return None


@lru_cache
def language(grammar: str) -> Language:
    """Load one grammar."""
    from tree_sitter import Language

    module, _, function = grammar.partition(":")
    return Language(getattr(importlib.import_module(module), function)())


@lru_cache
def _parser(grammar: str) -> Parser:
    from tree_sitter import Parser

    return Parser(language(grammar))


def nodes(tree: Tree, types: frozenset[str]) -> list[Node]:
    """Return the nodes of some types, an outer one before those in it.

    A walk rather than tree-sitter's queries: those take quadratic time where a whole file is one long error, and
    cannot be stopped safely from Python.
    """
    found: list[Node] = []
    cursor = tree.walk()
    while True:
        node = cursor.node
        if node is not None and node.is_named and node.type in types:
            found.append(node)
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return found


def count_errors(tree: Tree) -> int:
    """Count ERROR and MISSING nodes, going only where the tree says that some are."""
    count = 0
    waiting = [tree.root_node]
    while waiting:
        node = waiting.pop()
        count += node.is_error or node.is_missing
        if node.has_error:
            waiting += node.children
    return count
