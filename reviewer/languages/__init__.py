"""Which language a file, or a prompt without a file, is written in.

Each language is one value of ``LANGUAGES``: how files are recognized, how comments look, which grammar parses it and
which prompt template knows its pitfalls. Detection goes by name first and content second, and never guesses prose to be
code: a wrong language costs more than none, since it picks the wrong template and grammar.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from reviewer.languages.table import ALL, Language

__all__ = ["GENERIC", "LANGUAGES", "Language", "detect", "guess"]

LANGUAGES: dict[str, Language] = {language.name: language for language in ALL}
"""Every language by name; ``generic`` stands for all others."""

GENERIC = LANGUAGES["generic"]

_BY_EXTENSION = {extension: language for language in ALL for extension in language.extensions}
_BY_FILENAME = {filename: language for language in ALL for filename in language.filenames}
_BY_SHEBANG = {shebang: language for language in ALL for shebang in language.shebangs}
_BY_TAG = {tag: language for language in ALL for tag in (language.name, *language.tags)}

# Names whose suffix says what the file is for, not what it is: Dockerfile.dev, Containerfile.test.
_STEMS = ("dockerfile", "containerfile")

_CONTENT_LIMIT = 64 * 1024


def detect(path: str, text: str = "") -> Language:
    """Return the language of a file.

    Args:
        path: Path with ``/`` between parts; only its last part counts.
        text: The file's text or its first line. Read for the ``#!`` line, and to tell a C++ header from a C one.

    Returns:
        ``GENERIC`` where nothing is recognized.
    """
    name = PurePosixPath(path).name.lower()
    language = _by_name(name) or _by_shebang(text)
    if language is None:
        return GENERIC
    if name.endswith(".h") and _CPP_HEADER.search(text[:_CONTENT_LIMIT]):
        return LANGUAGES["cpp"]
    return language


def guess(text: str) -> Language | None:
    """Return the language of text that has no path, such as a prompt; None for prose and where evidence is thin.

    The tag of the first fenced code block decides, then a ``#!`` line, then constructs that prose does not contain.
    """
    text = text[:_CONTENT_LIMIT]
    fence = _FENCE.search(text)
    if fence is not None:
        return _BY_TAG.get(fence["tag"].lower(), GENERIC)
    by_shebang = _by_shebang(text)
    if by_shebang is not None:
        return by_shebang
    # Its patterns take longer to compile than a hook with nothing to do may run.
    from reviewer.languages.evidence import strongest

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
        # `env -S VAR=1 python3 -u`: options and assignments come before the program.
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words:
        return None
    program = PurePosixPath(words[0]).name
    return _BY_SHEBANG.get(program) or _BY_SHEBANG.get(_VERSION.sub("", program))
