"""A suggested commit message, made fit for git, and put into the file that git opens in the editor.

Git, forges and CI machines take some words of a commit message for orders: ``Closes #12`` closes an issue,
``[skip ci]`` leaves out the tests, ``Signed-off-by:`` is a promise that only a person can make. A model that has read
a hostile diff may say any of them, so ``gives_orders`` tells, and such a message is not offered.
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
    r"(?<!\w)#\d"  # a reference to an issue: made up, since no diff knows its number, and some words close it
    r"|(?<!\w)(?:GH|gh)-\d|(?<!\w)![0-9]+\b|https?://"
    r"|(?<!\w)#(?:close|resolve|done|time|comment)\b"  # smart commits of an issue tracker
    r"|\[(?:[\w-]+[ -])?(?:skip|no)[ -][\w-]+\]|\[[\w-]+[ -]skip\]|\*{3}NO_CI\*{3}|skip-checks\s*:"
    r"|\b[\w-]+-by\s*:|\bchange-id\s*:|\bbreaking[ -]change\s*:"
    r"|\A\s*(?:fixup|squash|amend)!"  # rebase --autosquash would fold it into another commit
    r"|^\s*::[\w-]+(?: [^:\n]*)?::|##\["  # a workflow command, in the log of a CI machine
    r"|^(?:diff --git |---\s*$|-{3,} >8)",  # git am and git commit cut the message there
    re.IGNORECASE | re.MULTILINE,
)
# git's line above the diff of --verbose; what follows is cut off.
_SCISSORS = re.compile(rb"^.{1,8}? ?-{24} >8 -{24}\r?$", re.MULTILINE)
_AUTO = frozenset(bytes([code]) for code in b"#;@!$%^&|:")  # what git chooses from
_BULLET = re.compile(r"\s*[-*]\s+")


def gives_orders(message: str) -> bool:
    """Whether anything in a message would be taken for an order by git, a forge or a CI machine."""
    return _ORDERS.search(message) is not None


def fitted(subject: str, body: str = "", comment: str = "#") -> str:
    """Lay a message out as git wants it; ends with a newline.

    Secrets are masked, control characters made visible, and no line begins as a comment, which git would drop.

    Args:
        subject: One line.
        body: Paragraphs and list items; may be empty.
        comment: What begins a comment, as ``core.commentChar`` says.
    """
    lines = [" ".join(_safe(subject).split())]
    if body.strip():
        lines += ["", *_body(_safe(body))]
    return "".join(f"{_no_comment(line, comment)}\n" for line in lines)


def comment_of(file: bytes, configured: str) -> str:
    """What begins a comment in a message file.

    Args:
        file: The file as git wrote it.
        configured: The value of ``core.commentChar`` or ``core.commentString``; for ``auto``, git has chosen a
            character that begins no line of its text, and its own comments stand last.
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
    """Put a message at the top of a message file; every byte of the rest stays.

    Args:
        file: The file as git wrote it.
        message: As ``fitted`` returns it.
        comment: What begins a comment.
        remark: A line for whoever edits it; left out where git would not take it away again, as in a file that has no
            comments.
        encoding: What git reads the file in.

    Raises:
        UnicodeEncodeError: The encoding has no such characters.
        LookupError: Python does not know the encoding.
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
    # One blank is enough: git looks at the first column alone.
    return f" {line}" if comment and line.startswith(comment) else line


def _safe(text: str) -> str:
    return visible(mask(text)).replace("\t", " ")
