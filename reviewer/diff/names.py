"""File names in patch headers: git's quoting, prefixes, and header lines that do not say where one name ends.

The rules are those of git's own ``apply.c`` (names of ``diff --git``) and ``quote.c`` (C-style quoting); unidiff keeps
quotes and prefixes, and misreads names with `` b/`` in them.
"""

from __future__ import annotations

import re

from reviewer.diff.text import decode

DEV_NULL = "/dev/null"

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_UNSAFE = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_NAMED = {value: b"\\" + letter for letter, value in _LETTERS.items()} | {b'"': rb"\"", b"\\": rb"\\"}
# a/ and b/, and those of diff.mnemonicPrefix (commit, index, object, work tree) and of --no-index.
_PREFIX = re.compile(r"[abciow12]/")
# GNU diff marks a file that is not there by a time stamp at the epoch, in local time.
_EPOCH = re.compile(r"(1970-01-01|1969-12-31) ")


def unquote(name: str) -> str:
    """Undo git's C-style quoting; a name without quotes comes back as it is."""
    quoted = _QUOTED.fullmatch(name)
    if quoted is None:
        return name
    return decode(_ESCAPE.sub(_unescape, quoted[1].encode("utf-8", "surrogateescape")))


def quote(name: str) -> str:
    """Quote a name as git does with ``core.quotePath``, so that a patch is ASCII in its headers."""
    data = name.encode("utf-8", "surrogateescape")
    if not _UNSAFE.search(data):
        return name
    return '"' + _UNSAFE.sub(_escape, data).decode("ascii") + '"'


def _escape(match: re.Match[bytes]) -> bytes:
    return _NAMED.get(match[0], b"\\%03o" % match[0][0])


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8)]) if code.isdigit() else _LETTERS.get(code, code)


def file_line(rest: str) -> str:
    """Read the name after ``---`` or ``+++``; ``/dev/null`` also for a missing file of GNU diff."""
    quoted = _QUOTED.match(rest)
    if quoted:
        return unquote(quoted[0])
    name, _, stamp = rest.partition("\t")
    return DEV_NULL if _EPOCH.match(stamp) else name


def header_pair(rest: str) -> tuple[str, str] | None:
    """Split what follows ``diff --git`` into two names that differ in their prefix only; None where none do."""
    if rest.startswith('"') or rest.endswith('"'):
        return _quoted_pair(rest)
    # Names may hold blanks: the right blank is the one with the same name on both sides, most often the middle one.
    blanks = [at for at, letter in enumerate(rest) if letter == " "]
    for at in sorted(blanks, key=lambda at: abs(2 * at + 1 - len(rest))):
        old, new = rest[:at], rest[at + 1 :]
        if old == new or (old.partition("/")[2] and old.partition("/")[2] == new.partition("/")[2]):
            return old, new
    return None


def _quoted_pair(rest: str) -> tuple[str, str] | None:
    first = _QUOTED.match(rest)
    if first:
        return unquote(first[0]), unquote(rest[first.end() + 1 :])
    old, blank, new = rest.partition(' "')
    return (old, unquote(f'"{new}')) if blank else None


def strip_prefixes(old: str, new: str, header: tuple[str, str] | None) -> tuple[str, str]:
    """Return both names without ``a/`` and ``b/``; ``/dev/null`` stays.

    Args:
        old: Name of the old side as it stands.
        new: Name of the new side.
        header: The names of the ``diff --git`` line, which tell a prefix from a folder when one side is ``/dev/null``.
    """
    if DEV_NULL in (old, new) and header is None:
        return _strip(old, "ab"), _strip(new, "ab")
    first, second = header or (old, new)
    # Two equal letters are a folder: "git diff --no-prefix" writes "a/x" for x in the folder a, twice.
    if _PREFIX.match(first) and _PREFIX.match(second) and first[0] != second[0]:
        return _strip(old, first[0]), _strip(new, second[0])
    if DEV_NULL in (old, new) or old == new:
        return old, new
    return _common_tail(old, new)


def _strip(name: str, letters: str) -> str:
    return name[2:] if name[:1] in tuple(letters) and name[1:2] == "/" else name


def _common_tail(old: str, new: str) -> tuple[str, str]:
    # "diff -ru v1/pkg v2/pkg", or prefixes of the user's own: what both names end with is the path.
    tail: list[str] = []
    for left, right in zip(reversed(old.split("/")), reversed(new.split("/")), strict=False):
        if left != right:
            break
        tail.insert(0, left)
    path = "/".join(tail) or new
    return path, path
