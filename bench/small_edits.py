"""Small edits of single lines, found in the syntax tree: what a slip of one token looks like, and what mends it.

An edit replaces one piece of a line: a comparison, a logical or arithmetic operator, a small number, a truth value, a
negation, ``await``, two neighbouring arguments, or a variable by another one of the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.languages import LANGUAGES
from reviewer.syntax import MAX_BYTES, functions
from reviewer.syntax.tree import encoded, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_OPERATORS: dict[str, dict[str, tuple[str, ...]]] = {
    "comparison": {
        "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "==": ("!=",), "!=": ("==",),
        "===": ("!==",), "!==": ("===",),
    },
    "logic": {"&&": ("||",), "||": ("&&",), "and": ("or",), "or": ("and",)},
    "arithmetic": {"+": ("-",), "-": ("+",), "+=": ("-=",), "-=": ("+=",)},
    "truth": {"true": ("false",), "false": ("true",), "True": ("False",), "False": ("True",)},
}  # fmt: skip
_NAMES = frozenset(("identifier", "simple_identifier", "variable_name"))
_ARGUMENTS = frozenset(("argument_list", "arguments", "value_arguments"))
_CALLS = frozenset(("call", "call_expression", "invocation_expression", "method_invocation", "await_expression"))
_DECLARES = ("parameter", "declar", "definition", "import", "type", "template", "jsx", "label", "keyword_argument")
_JUDGES = ("binary", "comparison", "unary", "not", "equality", "boolean", "is_", "pattern", "check", "let")
_LARGEST = 100
_OTHER_NAMES = 3


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a text; offsets are of its UTF-8 bytes.

    Attributes:
        kind: Such as ``"comparison"``.
        start, end: What is replaced; nothing where they are equal.
        new: The replacement.
        line: 1-based.
    """

    kind: str
    start: int
    end: int
    new: str
    line: int

    def applied(self, text: str) -> str:
        data = encoded(text)
        return (data[: self.start] + encoded(self.new) + data[self.end :]).decode("utf-8", "surrogatepass")


def edits(language: str, text: str, lines: frozenset[int]) -> list[Edit]:
    """All edits of some lines of a file, in order; none for a language without a grammar."""
    known = LANGUAGES.get(language)
    data = encoded(text)
    tree = parse(known.grammar, data) if known and known.grammar and len(data) <= MAX_BYTES else None
    if tree is None:
        return []
    nodes = [node for node in _walk(tree.root_node) if node.start_point[0] + 1 in lines]
    spans = [(one.start, one.end) for one in functions(language, text)]
    around = {line: max((span for span in spans if span[0] <= line <= span[1]), default=None) for line in lines}
    names = {span: _variables(tree.root_node, span) for span in around.values() if span is not None}
    found = {
        edit: None for node in nodes for edit in (*_of_leaf(node), *_of_negation(node), *_of_arguments(node, data))
    }
    for node in nodes:
        span = around[node.start_point[0] + 1]
        if node.type in _NAMES and span is not None and _is_use(node):
            found |= dict.fromkeys(_of_name(node, names[span]))
    return sorted(found, key=lambda edit: (edit.start, edit.end, edit.new))


def _walk(node: Node) -> Iterator[Node]:
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        if one.type != "variable_name":
            pending.extend(one.children)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _replaced(kind: str, node: Node, new: str) -> Edit:
    return Edit(kind, node.start_byte, node.end_byte, new, _line(node))


def _of_leaf(node: Node) -> Iterator[Edit]:
    text, parent = _text(node), node.parent
    if node.child_count or parent is None or any(word in parent.type for word in ("type", "template", "jsx", "string")):
        return
    for kind, table in _OPERATORS.items():
        for new in table.get(text, ()):
            yield _replaced(kind, node, new)
    if text.isascii() and text.isdigit() and int(text) <= _LARGEST and (text == "0" or text[0] != "0"):
        yield from (_replaced("number", node, str(near)) for near in (int(text) - 1, int(text) + 1) if near >= 0)


def _of_negation(node: Node) -> Iterator[Edit]:
    """Drop or add a negation or an await."""
    text, after = _text(node), node.next_sibling
    if text in {"not", "!", "await"} and not node.child_count and after is not None and _line(after) == _line(node):
        yield Edit("await" if text == "await" else "negation", node.start_byte, after.start_byte, "", _line(node))
    condition = node.parent.child_by_field_name("condition") if node.parent is not None else None
    if condition is not None and condition.id == node.id and not any(word in node.type for word in ("binary", "bool")):
        inner = node.named_children[0] if node.type == "parenthesized_expression" and node.named_children else node
        if not any(word in inner.type for word in _JUDGES):
            word = "not " if _root(node).type == "module" else "!"
            yield Edit("negation", inner.start_byte, inner.start_byte, word, _line(inner))
    awaits = node.type in _CALLS - {"await_expression"} and node.parent is not None and "await" not in node.parent.type
    if awaits and b"await " in (_root(node).text or b""):
        yield Edit("await", node.start_byte, node.start_byte, "await ", _line(node))


def _root(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


def _of_arguments(node: Node, data: bytes) -> Iterator[Edit]:
    if node.type not in _ARGUMENTS or node.start_point[0] != node.end_point[0]:
        return
    for one, other in zip(node.named_children, node.named_children[1:], strict=False):
        first, second = _text(one), _text(other)
        if first != second and not any("keyword" in each.type or "comment" in each.type for each in (one, other)):
            between = data[one.end_byte : other.start_byte].decode("utf-8", "replace")
            yield Edit("arguments", one.start_byte, other.end_byte, second + between + first, _line(node))


def _is_use(node: Node) -> bool:
    """Whether a name is a variable that is read: not declared, called, assigned to or selected from something."""
    parent, name = node.parent, _text(node)
    if parent is None or any(word in parent.type for word in _DECLARES):
        return False
    if name[:1].isupper() and not name.isupper():  # a type, mostly
        return False
    if parent.type in _CALLS and parent.children[0].id == node.id:
        return False
    roles = ("function", "name", "left", "property", "field", "attribute", "method", "label")
    named = [parent.child_by_field_name(role) for role in roles]
    return not any(one is not None and one.id == node.id for one in named)


def _variables(root: Node, span: tuple[int, int]) -> list[tuple[int, str]]:
    return [
        (node.start_byte, _text(node))
        for node in _walk(root)
        if node.type in _NAMES and span[0] <= _line(node) <= span[1] and _is_use(node)
    ]


def _of_name(node: Node, names: list[tuple[int, str]]) -> Iterator[Edit]:
    """The nearest other variables in its place, those of the same case alone."""
    own = _text(node)
    nearest = sorted(names, key=lambda name: abs(name[0] - node.start_byte))
    others = dict.fromkeys(name for _, name in nearest if name != own and name.isupper() == own.isupper())
    yield from (_replaced("variable", node, name) for name in list(others)[:_OTHER_NAMES])
