"""Finds comments with the grammar, which knows that a string literal contains none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.syntax.tree import decoded, nodes

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

_END = 500  # bytes
_TYPES = frozenset(("comment", "line_comment", "block_comment", "html_comment"))


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment.

    Attributes:
        start, end: Its first and last line, 1-based.
        text: The whole comment with its tokens, without a final line feed.
        before: The text before it on its first line.
        after: The text after it on its last line.
    """

    start: int
    end: int
    text: str
    before: str
    after: str


def read(tree: Tree, data: bytes) -> tuple[Comment, ...]:
    """Return every comment of a parsed text, in order."""
    return tuple(_comment(node, data) for node in nodes(tree, _TYPES))


def _comment(node: Node, data: bytes) -> Comment:
    # In some grammars the line feed that ends a comment is part of it.
    text = decoded(data[node.start_byte : node.end_byte]).rstrip("\r\n")
    start = node.start_point.row + 1
    line_start = data.rfind(b"\n", 0, node.start_byte) + 1
    end = node.start_byte + len(text.encode("utf-8", "surrogatepass"))
    line_end = data.find(b"\n", end)
    return Comment(
        start,
        start + text.count("\n"),
        text,
        _ends(data, line_start, node.start_byte),
        _ends(data, end, line_end if line_end >= 0 else len(data)),
    )


def _ends(data: bytes, start: int, end: int) -> str:
    """The text between two places; only its ends if it is long, since one line may hold many comments."""
    if end - start <= 2 * _END:
        return decoded(data[start:end])
    return decoded(data[start : start + _END] + data[end - _END : end])
