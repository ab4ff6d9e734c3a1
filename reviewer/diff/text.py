"""Lossless decoding of bytes in an unknown encoding, and text made safe to display."""

from __future__ import annotations

import re

# Everything that moves the cursor, hides or reorders text: C0 but tab and line feed, C1, DEL; direction marks,
# embeddings, overrides and isolates ("Trojan Source", CVE-2021-42574); line separators that git does not count;
# invisible operators, byte order marks and tag characters; lone surrogates, which stand for bytes that are not UTF-8.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def decode(data: bytes) -> str:
    """Decode as UTF-8; other bytes become lone surrogates, so that encoding with ``surrogateescape`` restores them."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Undo ``decode``."""
    return text.encode("utf-8", "surrogateescape")


def source_lines(text: str) -> list[str]:
    """Split at line feeds alone, as git and editors do, and keep them.

    ``str.splitlines`` also splits at form feeds, lone carriage returns, U+0085, U+2028 and others.
    """
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def printable(text: str) -> str:
    """Make text safe for a terminal or a page: invisible characters become visible, undecodable bytes U+FFFD.

    Tab and line feed stay. ASCII control characters become their pictures (U+2400 and up), others ``<U+202E>``.
    """
    return _INVISIBLE.sub(_picture, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the surrogates
        return "\ufffd"
    if code < 0x20:  # noqa: PLR2004 - C0
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"  # noqa: PLR2004 - DEL
