"""What a file's syntax tree says: new syntax errors, enclosing scopes, functions and their bodies, comments.

Every question answers "nothing known" rather than failing: for a language without a packaged grammar, and for a text
too large to parse while somebody waits. Lines are counted from 1 and split at line feeds alone, as git does.
"""

from __future__ import annotations

from functools import lru_cache

from reviewer.languages import LANGUAGES, Language
from reviewer.syntax import comments as _comments
from reviewer.syntax.comments import Comment
from reviewer.syntax.definitions import Definition, Function, Scope, read
from reviewer.syntax.tree import MAX_BYTES, count_errors, encoded, parse

__all__ = ["MAX_BYTES", "Comment", "Function", "Scope", "comments", "enclosing", "functions", "new_errors"]


def new_errors(language: Language | str, before: str, after: str) -> int | None:
    """Return how many syntax errors ``after`` has more than ``before``, at least 0.

    None where it cannot be known: no grammar, or a text larger than ``MAX_BYTES``.
    """
    grammar = _grammar(language)
    if grammar is None:
        return None
    old, new = (parse(grammar, encoded(text)) for text in (before, after))
    if old is None or new is None:
        return None
    return max(0, count_errors(new) - count_errors(old))


def enclosing(language: Language | str, text: str, line: int) -> Scope | None:
    """Return the innermost function, method or class around a line; None outside of all, or where it is not known.

    Args:
        language: The text's language, or its name.
        text: The whole file.
        line: 1-based.
    """
    around = [d for d in _definitions(_grammar(language), text) if d.scope.start <= line <= d.scope.end]
    return max(around, key=lambda d: d.depth).scope if around else None


def functions(language: Language | str, text: str) -> tuple[Function, ...]:
    """Return every function and method that has a body, nested ones too, in order of their first line."""
    return tuple(d.function for d in _definitions(_grammar(language), text) if d.function is not None)


def comments(language: Language | str, text: str) -> tuple[Comment, ...] | None:
    """Return every comment, in order; None where it cannot be known."""
    grammar = _grammar(language)
    data = encoded(text)
    tree = None if grammar is None else parse(grammar, data)
    return None if tree is None else _comments.read(tree, data)


def _grammar(language: Language | str) -> str | None:
    return (LANGUAGES[language] if isinstance(language, str) else language).grammar


# One file is asked about once per hunk, so the last few are kept.
@lru_cache(maxsize=32)
def _definitions(grammar: str | None, text: str) -> tuple[Definition, ...]:
    data = encoded(text)
    tree = None if grammar is None else parse(grammar, data)
    return () if grammar is None or tree is None else tuple(read(grammar, tree, data))
