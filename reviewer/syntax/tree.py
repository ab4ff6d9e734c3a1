"""Parses with tree-sitter, within limits of size and time.

tree-sitter also parses broken code and marks where it is broken. A grammar is imported with the first file of its
language.
"""

from __future__ import annotations

import importlib
import time
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Tree

MAX_BYTES = 1024 * 1024
"""Largest text that is parsed."""

MAX_SECONDS = 2.0
"""Longest time to parse a text; a real file of ``MAX_BYTES`` takes a tenth of that."""

_CHUNK = 64 * 1024


def encoded(text: str) -> bytes:
    """Return the bytes that a tree's positions refer to."""
    # Lone surrogates stand for bytes that are not UTF-8.
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """Return the text of a part of ``encoded`` that begins and ends with a node."""
    return data.decode("utf-8", "surrogatepass")


def parse(grammar: str, data: bytes) -> Tree | None:
    """Parse a text; None if it is too large or takes too long.

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
    except ValueError:  # stopped by the callback
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
    """Return the nodes of some types, outer ones first.

    tree-sitter's queries are not used: they take quadratic time if a whole file is one error, and cannot be stopped.
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
    """Count ERROR and MISSING nodes."""
    count = 0
    waiting = [tree.root_node]
    while waiting:
        node = waiting.pop()
        count += node.is_error or node.is_missing
        if node.has_error:
            waiting += node.children
    return count
