"""Answers questions about a file from its syntax tree: errors, scopes, functions, imports, comments, names.

Every function returns its "unknown" value for a language without a grammar and for a text that is too large to parse.
Lines are 1-based and end at line feeds alone, as in git.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from reviewer.languages import LANGUAGES, Language
from reviewer.syntax import comments as _comments
from reviewer.syntax import handlers as _handlers
from reviewer.syntax import imports as _imports
from reviewer.syntax import outline, references
from reviewer.syntax.comments import Comment
from reviewer.syntax.definitions import Definition, Function, Scope, read
from reviewer.syntax.imports import Import
from reviewer.syntax.outline import Outline, excerpt
from reviewer.syntax.references import Call, References
from reviewer.syntax.tree import MAX_BYTES, count_errors, encoded, parse

if TYPE_CHECKING:
    from tree_sitter import Tree

__all__ = [
    "MAX_BYTES",
    "Call",
    "Comment",
    "Function",
    "Import",
    "Outline",
    "References",
    "Scope",
    "comments",
    "enclosing",
    "enclosing_all",
    "excerpt",
    "functions",
    "imports",
    "new_errors",
    "outlines",
    "references_of",
    "unreachable_handlers",
]

_NO_NAMES = References((), {})


def new_errors(language: Language | str, before: str, after: str) -> int | None:
    """The number of syntax errors that ``after`` has more than ``before``, at least 0; None if unknown."""
    grammar = _grammar(language)
    if grammar is None:
        return None
    old, new = (parse(grammar, encoded(text)) for text in (before, after))
    if old is None or new is None:
        return None
    return max(0, count_errors(new) - count_errors(old))


def enclosing(language: Language | str, text: str, line: int) -> Scope | None:
    """The innermost function, method or class around a line; None if there is none.

    Args:
        language: The text's language, or its name.
        text: The whole file.
        line: 1-based.
    """
    around = enclosing_all(language, text, line)
    return around[-1] if around else None


def enclosing_all(language: Language | str, text: str, line: int) -> tuple[Scope, ...]:
    """All functions, methods and classes around a line, the outermost first."""
    return tuple(definition.scope for definition in _around(_grammar(language), text).get(line, ()))


def functions(language: Language | str, text: str) -> tuple[Function, ...]:
    """All functions and methods with a body, nested ones too, in order of their first line."""
    return tuple(d.function for d in _definitions(_grammar(language), text) if d.function is not None)


def comments(language: Language | str, text: str) -> tuple[Comment, ...] | None:
    """All comments in order; None if unknown."""
    tree, data = _tree(_grammar(language), text)
    return None if tree is None else _comments.read(tree, data)


def outlines(language: Language | str, text: str) -> tuple[Outline, ...]:
    """All definitions with the lines that document them."""
    return _outlines(_grammar(language), text)


def imports(language: Language | str, text: str) -> tuple[Import, ...]:
    """The imports of a file, in order."""
    return _imported(_grammar(language), text)


def references_of(language: Language | str, text: str) -> References:
    """The names that a file's lines use and call."""
    return _references(_grammar(language), text)


def unreachable_handlers(language: Language | str, text: str) -> int:
    """The number of clauses for errors that can never run, because an earlier one catches the same; 0 if unknown."""
    known = LANGUAGES[language] if isinstance(language, str) else language
    tree, data = _parsed(known.grammar, text)
    return 0 if tree is None else len(_handlers.unreachable(tree, data, known.name))


def _grammar(language: Language | str) -> str | None:
    return (LANGUAGES[language] if isinstance(language, str) else language).grammar


def _tree(grammar: str | None, text: str) -> tuple[Tree | None, bytes]:
    data = encoded(text)
    return (None if grammar is None else parse(grammar, data)), data


# Few, because a tree takes many times the memory of its text.
_parsed = lru_cache(maxsize=2)(_tree)


# The answers are used for each hunk of a file, of which there may be thousands.
@lru_cache(maxsize=32)
def _around(grammar: str | None, text: str) -> dict[int, tuple[Definition, ...]]:
    """The definitions around each line, the outermost first; one of each depth."""
    found: dict[int, tuple[Definition, ...]] = {}
    for definition in sorted(_definitions(grammar, text), key=lambda definition: definition.depth):
        for number in range(definition.scope.start, definition.scope.end + 1):
            outer = found.get(number, ())
            if not outer or outer[-1].depth < definition.depth:
                found[number] = (*outer, definition)
    return found


@lru_cache(maxsize=32)
def _definitions(grammar: str | None, text: str) -> tuple[Definition, ...]:
    tree, data = _parsed(grammar, text)
    return () if grammar is None or tree is None else tuple(read(grammar, tree, data))


@lru_cache(maxsize=32)
def _outlines(grammar: str | None, text: str) -> tuple[Outline, ...]:
    lines = text.split("\n")
    return tuple(outline.read(_definitions(grammar, text), lines, python=_is_python(grammar)))


@lru_cache(maxsize=32)
def _imported(grammar: str | None, text: str) -> tuple[Import, ...]:
    tree, data = _parsed(grammar, text)
    return () if grammar is None or tree is None else tuple(_imports.read(grammar, tree, data))


@lru_cache(maxsize=32)
def _references(grammar: str | None, text: str) -> References:
    tree, data = _parsed(grammar, text)
    return _NO_NAMES if tree is None else references.read(tree, data)


def _is_python(grammar: str | None) -> bool:
    return grammar is not None and grammar.startswith("tree_sitter_python")
