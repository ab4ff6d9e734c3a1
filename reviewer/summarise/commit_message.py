"""Lays out a suggested commit message for git and puts it into the file that git opens in the editor.

Git, forges and CI systems act on parts of a commit message: ``Closes #12`` closes an issue, ``[skip ci]`` skips the
tests, ``Signed-off-by:`` makes a promise in a person's name. A hostile diff can make a model write any of them, so a
message with such a directive (``gives_orders``) is not offered.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from reviewer.terminal.masking import mask, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 72
"""Columns of a body, as git's own documentation advises."""

_ORDERS = re.compile(
    r"(?<!\w)#\d"  # an issue, always invented: no diff holds its number; some words close it
    r"|(?<!\w)(?:GH|gh)-\d|(?<!\w)![0-9]+\b|https?://"
    r"|(?<!\w)#(?:close|resolve|done|time|comment)\b"  # smart commits of an issue tracker
    r"|\[(?:[\w-]+[ -])?(?:skip|no)[ -][\w-]+\]|\[[\w-]+[ -]skip\]|\*{3}NO_CI\*{3}|skip-checks\s*:"
    r"|\b[\w-]+-by\s*:|\bchange-id\s*:|\bbreaking[ -]change\s*:"
    r"|\A\s*(?:fixup|squash|amend)!"  # rebase --autosquash would fold it into another commit
    r"|^\s*::[\w-]+(?: [^:\n]*)?::|##\["  # a workflow command in a CI log
    r"|^(?:diff --git |---\s*$|-{3,} >8)",  # git am and git commit cut the message there
    re.IGNORECASE | re.MULTILINE,
)
# git's line above the diff of --verbose; git drops it and what follows.
_SCISSORS = re.compile(rb"^.{1,8}? ?-{24} >8 -{24}\r?$", re.MULTILINE)
_AUTO = frozenset(bytes([code]) for code in b"#;@!$%^&|:")  # what git chooses from
_BULLET = re.compile(r"\s*[-*]\s+")


def gives_orders(message: str) -> bool:
    """Whether a message holds a directive for git, a forge or a CI system."""
    return _ORDERS.search(message) is not None


def fitted(subject: str, body: str = "", comment: str = "#") -> str:
    """Lay out a message as git expects it; ends with a newline.

    Secrets are masked, control characters made visible, and no line starts as a comment, which git would drop.

    Args:
        subject: One line.
        body: Paragraphs and list items; may be empty.
        comment: Starts a comment, from ``core.commentChar``.
    """
    lines = [" ".join(_safe(subject).split())]
    if body.strip():
        lines += ["", *_body(_safe(body))]
    return "".join(f"{_no_comment(line, comment)}\n" for line in lines)


def comment_of(file: bytes, configured: str) -> str:
    """Return what starts a comment in a message file.

    Args:
        file: The file as git wrote it.
        configured: The value of ``core.commentChar`` or ``core.commentString``; for ``auto``, git chose a
            character that starts no line of the text, and its own comments come last.
    """
    if configured != "auto":
        return configured or "#"
    cut = _SCISSORS.search(file)
    lines = (file[: cut.end()] if cut else file).split(b"\n")
    last = next((line for line in reversed(lines) if line.strip()), b"#")
    return last[:1].decode("ascii", "replace") if last[:1] in _AUTO else "#"


def has_text(file: bytes, comment: str) -> bool:
    """Whether a message file holds more than comments, blank lines and the diff of ``git commit --verbose``."""
    cut = _SCISSORS.search(file)
    lines = (file[: cut.start()] if cut else file).split(b"\n")
    return any(line.strip() and not line.startswith(comment.encode()) for line in lines)


def placed(file: bytes, message: str, comment: str, *, remark: str = "", encoding: str = "utf-8") -> bytes:
    """Put a message at the top of a message file; the rest is unchanged.

    Args:
        file: The file as git wrote it.
        message: As ``fitted`` returns it.
        comment: Starts a comment.
        remark: A comment for the author; left out of a file without comments, where git would keep it.
        encoding: The encoding in which git reads the file.

    Raises:
        UnicodeEncodeError: The encoding lacks a character.
        LookupError: The encoding is unknown.
    """
    top = message
    if remark and any(line.startswith(comment.encode()) for line in file.split(b"\n")):
        top += f"\n{comment} {remark}\n"
    apart = b"\n" if file.strip() and not file.startswith((b"\n", b"\r\n")) else b""
    return top.encode(encoding) + apart + file


def _body(text: str) -> Iterator[str]:
    """Wrap paragraphs, and items of lists with a hanging indent."""
    waiting: list[str] = []
    for line in text.strip().split("\n"):
        item = _BULLET.match(line)
        if waiting and (item or not line.strip()):
            yield from _wrapped(waiting)
            waiting = []
        if item:
            waiting = ["- " + line[item.end() :].strip()]
        elif line.strip():
            waiting.append(line.strip())
        else:
            yield ""
    yield from _wrapped(waiting)


def _wrapped(lines: list[str]) -> list[str]:
    hanging = "  " if lines[0].startswith("- ") else ""
    return textwrap.wrap(
        " ".join(lines), WIDTH, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False
    )


def _no_comment(line: str, comment: str) -> str:
    # One space is enough: git looks only at the first column.
    return f" {line}" if comment and line.startswith(comment) else line


def _safe(text: str) -> str:
    return visible(mask(text)).replace("\t", " ")
