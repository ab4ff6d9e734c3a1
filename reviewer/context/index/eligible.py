"""Which files of a repository are worth reading for their definitions: source that people wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.languages import detect
from reviewer.selection import skipping

if TYPE_CHECKING:
    from reviewer.languages import Language

MAX_BYTES = 256 * 1024
"""A larger blob is not read: it is data, or generated."""

_MAX_LINE = 300  # characters of the average line of a file that no tool wrote
# Besides what no review reads: environments, and what tools write into folders of their own.
_FOREIGN = frozenset(("site-packages", "venv", ".venv", "dist", "generated", "__generated__", "__pycache__"))
# Languages whose files speak to each other.
_FAMILIES = {
    "javascript": "script",
    "typescript": "script",
    "tsx": "script",
    "c": "c",
    "cpp": "c",
    "java": "jvm",
    "kotlin": "jvm",
}


def family(language: Language) -> str:
    """Name the languages that a file of this one may call into; empty where nothing is known of it."""
    return _FAMILIES.get(language.name, language.name) if language.grammar else ""


def language_of(path: str) -> Language | None:
    """The language of a file that is worth reading, by its name alone; None where it is not."""
    if _FOREIGN.intersection(path.split("/")[:-1]) or skipping.by_path(path):
        return None
    language = detect(path)
    return language if language.grammar else None


def is_written(text: str) -> bool:
    """Whether the lines are as short as people write them."""
    return len(text) <= _MAX_LINE * (text.count("\n") + 1)
