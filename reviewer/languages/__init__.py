"""Detects the language of a file, or of a prompt without a file.

Each language is one value of ``LANGUAGES``: its file names, comments, grammar and prompt template. Detection looks at
the name first and the content second. Where it is unsure it returns no language, because a wrong one selects the wrong
template and grammar.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from reviewer.languages.table import ALL, Language

__all__ = ["GENERIC", "LANGUAGES", "Language", "detect", "guess"]

LANGUAGES: dict[str, Language] = {language.name: language for language in ALL}
"""All languages by name; ``generic`` stands for every other one."""

GENERIC = LANGUAGES["generic"]

_BY_EXTENSION = {extension: language for language in ALL for extension in language.extensions}
_BY_FILENAME = {filename: language for language in ALL for filename in language.filenames}
_BY_SHEBANG = {shebang: language for language in ALL for shebang in language.shebangs}
_BY_TAG = {tag: language for language in ALL for tag in (language.name, *language.tags)}

# The suffix of these names is not a file type: Dockerfile.dev, Containerfile.test.
_STEMS = ("dockerfile", "containerfile")

_CONTENT_LIMIT = 64 * 1024


def detect(path: str, text: str = "") -> Language:
    """Return the language of a file.

    Args:
        path: Path with ``/`` between parts; only the last part is used.
        text: The file's text or its first line, for the ``#!`` line and to distinguish C++ headers from C headers.

    Returns:
        ``GENERIC`` if the language is not recognized.
    """
    name = PurePosixPath(path).name.lower()
    language = _by_name(name) or _by_shebang(text)
    if language is None:
        return GENERIC
    if name.endswith(".h") and _CPP_HEADER.search(text[:_CONTENT_LIMIT]):
        return LANGUAGES["cpp"]
    return language


def guess(text: str) -> Language | None:
    """Return the language of text that has no path, such as a prompt; None for prose and when unsure.

    In this order: the tag of the first fenced code block, a ``#!`` line, constructs that prose does not contain.
    """
    text = text[:_CONTENT_LIMIT]
    fence = _FENCE.search(text)
    if fence is not None:
        return _BY_TAG.get(fence["tag"].lower(), GENERIC)
    by_shebang = _by_shebang(text)
    if by_shebang is not None:
        return by_shebang
    # Compiling its patterns is too slow for a hook that has nothing to do.
    from reviewer.languages.guessing import strongest

    name = strongest(text)
    return None if name is None else LANGUAGES[name]


def _by_name(name: str) -> Language | None:
    if name in _BY_FILENAME:
        return _BY_FILENAME[name]
    stem, _, suffix = name.partition(".")
    if stem in _STEMS and f".{suffix}" not in _BY_EXTENSION:
        return _BY_FILENAME[stem]
    return _BY_EXTENSION.get(PurePosixPath(name).suffix)


_CPP_HEADER = re.compile(
    r"^[ \t]*(?:template[ \t]*<|namespace\b|class[ \t]+\w|(?:public|private|protected)[ \t]*:)|\bstd::\w", re.MULTILINE
)
_FENCE = re.compile(r"^[ \t]{0,3}(?:```+|~~~+)[ \t]*\{?\.?(?P<tag>[\w+#-]+)", re.MULTILINE)
_SHEBANG = re.compile(r"#![ \t]*(?P<program>\S+)(?:[ \t]+(?P<arguments>[^\r\n]*))?")
_VERSION = re.compile(r"[-\d.]+$")


def _by_shebang(text: str) -> Language | None:
    match = _SHEBANG.match(text.removeprefix("\ufeff")[:512])
    if match is None:
        return None
    words = [match["program"], *(match["arguments"] or "").split()]
    if PurePosixPath(words[0]).name == "env":
        # `env -S VAR=1 python3 -u`: skip options and assignments.
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words:
        return None
    program = PurePosixPath(words[0]).name
    return _BY_SHEBANG.get(program) or _BY_SHEBANG.get(_VERSION.sub("", program))
