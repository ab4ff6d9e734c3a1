"""File names in patch headers: git's quoting, prefixes, and header lines that do not mark where a name ends.

The rules are those of git's ``apply.c`` (names of ``diff --git``) and ``quote.c`` (C-style quoting). unidiff keeps
quotes and prefixes, and misreads names that contain `` b/``.
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
_LONGEST = 20_000  # characters of two names; splitting them takes quadratic time
# GNU diff marks a missing file with a time stamp at the epoch, in local time.
_EPOCH = re.compile(r"(1970-01-01|1969-12-31) ")


def unquote(name: str) -> str:
    """Undo git's C-style quoting; a name without quotes is returned unchanged."""
    quoted = _QUOTED.fullmatch(name)
    if quoted is None:
        return name
    return decode(_ESCAPE.sub(_unescape, quoted[1].encode("utf-8", "surrogateescape")))


def quote(name: str) -> str:
    """Quote a name as git does with ``core.quotePath``, so that the headers of a patch are ASCII."""
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
    """Split what follows ``diff --git`` into two names that differ only in their prefix; None if it cannot be split."""
    if len(rest) > _LONGEST:
        return None
    if rest.startswith('"') or rest.endswith('"'):
        return _quoted_pair(rest)
    # Names may contain blanks: the right blank has the same name on both sides, most often the middle one.
    blanks = [at for at, letter in enumerate(rest) if letter == " "]
    pairs = [(rest[:at], rest[at + 1 :]) for at in sorted(blanks, key=lambda at: abs(2 * at + 1 - len(rest)))]
    for old, new in pairs:
        if old == new or (old.partition("/")[2] and old.partition("/")[2] == new.partition("/")[2]):
            return old, new
    # Prefixes of different depth, such as left/a/ and b/.
    best = max(pairs, key=lambda pair: len(_without_prefixes(*pair)), default=("", ""))
    return best if _without_prefixes(*best) else None


def _quoted_pair(rest: str) -> tuple[str, str] | None:
    first = _QUOTED.match(rest)
    if first:
        return unquote(first[0]), unquote(rest[first.end() + 1 :])
    old, blank, new = rest.partition(' "')
    return (old, unquote(f'"{new}')) if blank else None


def binary_pair(rest: str) -> tuple[str, str]:
    """Split the names of ``Binary files OLD and NEW differ``; with one name, it stands for both."""
    first = _QUOTED.match(rest)
    if first and rest[first.end() :].startswith(" and "):
        return unquote(first[0]), unquote(rest[first.end() + len(" and ") :])
    parts = rest.split(" and ")
    if len(parts) == 1 or len(rest) > _LONGEST:
        return unquote(rest), unquote(rest)
    pairs = [(" and ".join(parts[:at]), unquote(" and ".join(parts[at:]))) for at in range(1, len(parts))]
    return max(pairs, key=lambda pair: len(_without_prefixes(*pair)))


def strip_prefixes(old: str, new: str, header: tuple[str, str] | None) -> tuple[str, str]:
    """Return both names without ``a/`` and ``b/``; ``/dev/null`` stays.

    Args:
        old: Name of the old side as the patch has it.
        new: Name of the new side.
        header: The names of the ``diff --git`` line. They tell a prefix from a folder when one side is ``/dev/null``.
    """
    if DEV_NULL in (old, new) and header is None:
        return _strip(old, "ab"), _strip(new, "ab")
    first, second = header or (old, new)
    # Two equal letters are a folder: "git diff --no-prefix" writes "a/x" for x in the folder a, twice.
    if _PREFIX.match(first) and _PREFIX.match(second) and first[0] != second[0]:
        return _strip(old, first[0]), _strip(new, second[0])
    if first == second:
        return old, new
    path = _without_prefixes(first, second)
    if DEV_NULL in (old, new):
        return (old, path or new) if old == DEV_NULL else (path or old, new)
    return path or new, path or new


def _strip(name: str, letters: str) -> str:
    return name[2:] if name[:1] in tuple(letters) and name[1:2] == "/" else name


def _without_prefixes(old: str, new: str) -> str:
    """Return the path that two names share behind their prefixes; empty if they share none.

    The prefixes may be any, as in ``diff -ru v1/pkg v2/pkg`` or ``git diff --src-prefix=left/a/``.
    """
    for name, prefix, other in ((new, "b/", old), (old, "a/", new)):  # only one of git's prefixes was replaced
        if name.startswith(prefix) and other.endswith(f"/{name[2:]}"):
            return name[2:]
    tail: list[str] = []
    for left, right in zip(reversed(old.split("/")), reversed(new.split("/")), strict=False):
        if left != right:
            break
        tail.insert(0, left)
    return "/".join(tail).lstrip("/")
