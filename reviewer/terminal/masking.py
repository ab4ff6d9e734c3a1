"""Makes text safe to display: secrets masked, deceptive characters made visible.

A review quotes the diff, and ends up in logs, step summaries and artefacts that more people read than the repository.
Formats of tokens are their issuers' published prefixes. Every pattern starts at a literal that is looked for first,
and every repetition is bounded or cannot start inside itself, so that the time is linear in the text.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = 4  # leading characters shown, to tell secrets apart
_LONG_ENOUGH = 12  # shorter secrets are masked whole
_KEY_BODY = 16_000  # characters of the longest private key that is looked through

# What can hide or reorder text: controls (not tab and newline), bidirectional controls (Trojan Source,
# CVE-2021-42574), invisible letters and spaces, tags and variation selectors that can carry a hidden message.
# Zero-width joiners stay between letters of scripts that need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
_SURROGATE = re.compile("[\ud800-\udfff]")  # undecodable bytes


def visible(text: str) -> str:
    """Show characters that hide, reorder or control others as ``<U+202E>``; undecodable bytes as U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    text = _SURROGATE.sub("\ufffd", text.replace("\r\n", "\n"))
    return _HIDDEN.sub(lambda match: f"<U+{ord(match[0]):04X}>", text)


def mask(text: str) -> str:
    """Mask what looks like a secret: its first four characters stay, the rest becomes ``…``.

    Lines stay lines, so that a whole file can be masked at once and shown line by line. Masking twice changes nothing.
    """
    text = _mask_private_keys(text)
    for token in _tokens():
        if any(literal in text for literal in token.literals):
            text = token.pattern.sub(_mask_match, text)
    return _mask_assignments(text)


class _Token(NamedTuple):
    """One kind of secret: literals of which one is always in it, and what it looks like (group 1 is the secret)."""

    literals: tuple[str, ...]
    pattern: re.Pattern[str]


@functools.cache
def _tokens() -> tuple[_Token, ...]:
    return tuple(_Token(literals, re.compile(r"(?<![\w-])" + pattern)) for literals, pattern in _TOKEN_FORMATS)


_TOKEN_FORMATS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("AKIA", "ASIA", "ABIA", "ACCA"), r"((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})(?!\w)"),  # AWS
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"(gh[pousr]_[A-Za-z0-9]{36,255})"),  # GitHub
    (("github_pat_",), r"(github_pat_\w{22,255})"),
    (
        ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-"),
        r"(gl(?:pat|dt|rt|cbt|ptt|ft)-[\w.-]{20,255})",
    ),  # GitLab
    (("xox",), r"(xox[abeoprs]-[A-Za-z0-9-]{10,255})"),  # Slack
    (("xapp-",), r"(xapp-\d-[A-Za-z0-9-]{20,255})"),
    (("hooks.slack.com/",), r"https://hooks\.slack\.com/services/(\w{5,20}/\w{5,20}/\w{16,40})"),
    (("k_live_", "k_test_"), r"([rsp]k_(?:live|test)_[A-Za-z0-9]{16,255})"),  # Stripe
    (("whsec_",), r"(whsec_[A-Za-z0-9+/]{24,255})"),
    (("AIza",), r"(AIza[\w-]{35})(?![\w-])"),  # Google
    (("ya29.",), r"(ya29\.[\w-]{20,1024})"),
    (("GOCSPX-",), r"(GOCSPX-[\w-]{20,64})"),
    (("sk-",), r"(sk-(?=[\w-]{0,200}\d)(?=[\w-]{0,200}[A-Z])[\w-]{20,255})"),  # OpenAI, Anthropic and their kin
    (("hf_",), r"(hf_[A-Za-z0-9]{30,64})"),  # Hugging Face
    (("npm_",), r"(npm_[A-Za-z0-9]{36})(?!\w)"),
    (("pypi-AgE",), r"(pypi-AgE[\w-]{50,255})"),
    (("SG.",), r"(SG\.[\w-]{16,32}\.[\w-]{32,64})"),  # SendGrid
    (("dop_v1_", "dckr_pat_", "glsa_"), r"((?:dop_v1|dckr_pat|glsa)_[\w-]{20,80})"),
    (("eyJ",), r"(eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{5,})"),  # JSON web tokens
    (("earer ",), r"[Bb]earer (?!eyJ)([\w.~+/=-]{20,1024})"),
    (  # passwords in URLs
        ("://",),
        r"[A-Za-z][\w+.-]{0,30}://[^\s/:@\"']{0,256}:(?![$<{%]|(?i:pass|password|passwd|pwd|token|secret)@)([^\s/@\"'<>\[\]]{3,256})@",
    ),
)


def _mask_match(match: re.Match[str]) -> str:
    return _with_group_masked(match, 1)


def _with_group_masked(match: re.Match[str], group: int) -> str:
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    whole = match[0]
    return whole[:start] + _short(match[group]) + whole[end:]


def _short(secret: str) -> str:
    if secret.endswith("…"):  # masked before
        return secret
    return (secret[:_KEPT] if len(secret) >= _LONG_ENOUGH else "") + "…"


# --- private keys ---------------------------------------------------------------------------------------------------

_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_CHUNK = re.compile(r"[A-Za-z0-9+/=]{16,}")
# The middle of a key, where a hunk begins inside it: PEM lines are 64 characters (RFC 7468).
_PEM_LINES = re.compile(r"(?:^[ \t]{0,16}[A-Za-z0-9+/]{64}$\n?){2,}", re.MULTILINE)
_ONLY_HEX = re.compile(r"[0-9a-fA-F\s]*\Z")


def _mask_private_keys(text: str) -> str:
    if "PRIVATE KEY" in text:
        text = "".join(_without_key_bodies(text))
    return _PEM_LINES.sub(_mask_pem_lines, text)


def _without_key_bodies(text: str) -> Iterator[str]:
    at = 0
    for begin in _KEY_BEGIN.finditer(text):
        if begin.start() < at:
            continue
        yield text[at : begin.end()]
        at = text.find("-----END", begin.end(), begin.end() + _KEY_BODY)
        if at < 0:
            at = _end_of_cut_key(text, begin.end())
        yield _KEY_CHUNK.sub("…", text[begin.end() : at])
    yield text[at:]


def _end_of_cut_key(text: str, start: int) -> int:
    """Where a key without its END line stops: at the second line without key material."""
    at = text.find("\n", start, start + _KEY_BODY)
    while at >= 0:
        following = text.find("\n", at + 1, start + _KEY_BODY)
        line = text[at + 1 : following if following >= 0 else len(text)]
        if ":" not in line and line.strip() and not _KEY_CHUNK.search(line):
            return at
        if following < 0:
            break
        at = following
    return min(len(text), start + _KEY_BODY)


def _mask_pem_lines(match: re.Match[str]) -> str:
    return match[0] if _ONLY_HEX.match(match[0]) else _KEY_CHUNK.sub("…", match[0])


# --- assignments ----------------------------------------------------------------------------------------------------

_SECRET_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential")


@functools.cache
def _assignment() -> re.Pattern[str]:
    return re.compile(
        r"(?i:passphrase|password|passwd|pwd|secret|token|credential|(?:api|access|auth|private|account|signing)[_-]?key)"
        r"s?(?![a-rt-z])"  # not in tokenizer, secretary
        r"(?P<suffix>[\w-]{0,40})"
        r"[\"'\]]{0,2}(?:[ ]{0,2}:[ ]{0,2}[A-Za-z]{1,12})?"  # a quoted key, a type
        r"[ \t]{0,8}(?:=>|:=|[:=])[ \t]{0,8}"
        r"(?:[rbf]?(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{8,512})(?P=quote)|(?P<bare>[^\s\"'`,;(){}\[\]<>$]{8,512})(?=[\s,;]|\Z))"
    )


_NOT_THE_SECRET = re.compile(
    r"(?i)(?:name|url|uri|file|path|id|type|header|field|endpoint|prefix|label|model|format|version|arn|ref)s?\Z"
)
_PLACEHOLDER = re.compile(
    r"(?i)[$<{%(\[]|\w+\(|(?:your|my|the|some|test|fake|dummy)[-_]|x{4}|\*{3}|\.{3}|change.?me|example|placeholder|redacted|\w{1,12}://"
    r"|[.~]{0,2}/|[\^~<>=v]*\d+\.\d+"
)
_WORDS = re.compile(r"[A-Za-z]+(?:[-_./: ][A-Za-z]+)*\d{0,2}\Z")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*\Z")
_ENTROPY_QUOTED = 2.7  # bits per character; eight different characters have 3
_ENTROPY_BARE = 3.4  # identifiers of code reach 3.2


def _mask_assignments(text: str) -> str:
    lowered = text.lower()
    if not any(word in lowered for word in _SECRET_WORDS):
        return text
    return _assignment().sub(_mask_assignment, text)


def _mask_assignment(match: re.Match[str]) -> str:
    group = "quoted" if match["quoted"] else "bare"
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    if _NOT_THE_SECRET.search(match["suffix"]) or not _looks_secret(match[group], bare=group == "bare"):
        return match[0]
    return match[0][:start] + _short(match[group]) + match[0][end:]


def _looks_secret(value: str, *, bare: bool) -> bool:
    if _PLACEHOLDER.match(value) or value.endswith("…"):
        return False
    digits = sum(letter.isdigit() for letter in value)
    letters = sum(letter.isalpha() for letter in value)
    if not letters or (_WORDS.match(value) and not _shuffled(value)):
        return False
    if bare and _IDENTIFIER.match(value):
        return digits > 2 and len(value) >= 16 and _entropy(value) >= _ENTROPY_BARE  # noqa: PLR2004
    return _entropy(value) >= _ENTROPY_QUOTED


def _shuffled(value: str) -> bool:
    """Whether upper and lower case alternate as in no word: a random string that happens to have no digit."""
    flips = sum(a.islower() and b.isupper() for a, b in itertools.pairwise(value))
    return len(value) >= 16 and flips / len(value) > 0.2  # noqa: PLR2004


def _entropy(value: str) -> float:
    """Shannon entropy in bits per character."""
    size = len(value)
    return -sum(count / size * math.log2(count / size) for count in Counter(value).values())
