"""Bytes of unknown encoding as text that loses nothing, and that text as it is shown to a person or a model."""

from __future__ import annotations

import re

# Everything that moves the cursor, hides or reorders text: C0 but tab and line feed, C1, DEL; direction marks,
# embeddings, overrides and isolates ("Trojan Source", CVE-2021-42574); line separators that git does not count;
# invisible operators, byte order marks and tag characters; lone surrogates, which stand for bytes that are not UTF-8.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_PICTURE = re.compile(r"[\u2400-\u241f\u2421]|<U\+[0-9A-F]{4,6}>")
_NOT_UTF8 = "\ufffd"
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[\w\ufffd\ud800-\udfff]+")


def decode(data: bytes) -> str:
    """Decode as UTF-8; other bytes become lone surrogates, which ``encode`` turns back."""
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
    """Make text safe for a terminal or a page: invisible characters become visible, bytes that are not UTF-8 U+FFFD.

    Tab and line feed stay. ASCII control characters become their pictures (U+2400 and up), others ``<U+202E>``.
    """
    return _INVISIBLE.sub(lambda match: _picture(match[0]), text)


def restore(shown: str, original: str) -> str | None:
    """Undo ``printable`` for text that a model wrote after it was shown ``printable(original)``.

    A picture becomes the character of ``original`` that it stands for. U+FFFD may stand for any byte that is not
    UTF-8, so it is restored only in a word that ``original`` contains, and always with the same bytes.

    Args:
        shown: The model's text.
        original: Everything the model was shown, before ``printable``.

    Returns:
        The text with the original characters; None where it is not known what a picture stands for.
    """
    if _SURROGATE.search(shown):
        return None
    pictures = set(_PICTURE.findall(shown))
    if pictures:
        hidden = {_picture(char): char for char in set(_INVISIBLE.findall(original))}
        # A text can contain a picture itself; one that contains both is ambiguous, one with neither was not shown.
        if any((one in hidden) == (one in original) for one in pictures):
            return None
        shown = _PICTURE.sub(lambda match: hidden.get(match[0], match[0]), shown)
    return _restore_bytes(shown, original) if _NOT_UTF8 in shown else shown


def _restore_bytes(shown: str, original: str) -> str | None:
    known: dict[str, set[str]] = {}
    for word in set(_WORD.findall(original)):
        known.setdefault(_SURROGATE.sub(_NOT_UTF8, word), set()).add(word)
    words = {word for word in _WORD.findall(shown) if _NOT_UTF8 in word}
    if any(len(known.get(word, ())) != 1 for word in words):
        return None
    return _WORD.sub(lambda match: next(iter(known[match[0]])) if match[0] in words else match[0], shown)


def _picture(char: str) -> str:
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the surrogates
        return _NOT_UTF8
    if code < 0x20:  # noqa: PLR2004 - C0
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"  # noqa: PLR2004 - DEL
