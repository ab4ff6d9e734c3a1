"""Makes text safe to display: secrets masked, deceptive characters made visible.

A review quotes the diff, and ends up in logs, step summaries and artefacts that more people read than the repository.
Formats of tokens are their issuers' published ones. Every pattern requires a literal that is looked for first, and
every repetition is bounded, possessive or cannot start inside itself, so that the time is linear in the text.

A secret is often recognised by its surroundings, which a model's sentence about it lacks. ``remembering`` therefore
masks what was recognised in the code wherever it occurs.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import re
from collections import Counter
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KEPT = 4  # leading characters shown, to tell secrets apart
_LONG_ENOUGH = 12  # shorter secrets are masked whole
_KEY_BODY = 16_000  # characters of the longest private key that is looked through
_KNOWN_CHARS = 5  # shorter secrets are not looked for elsewhere: they are parts of ordinary words
_MAX_KNOWN = 200
_CACHED_CHARS = 1000

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


# GitHub's runner reads "::name" at the start of a line and "##[name]" anywhere as a command, Azure's "##vso[name]" and
# "##[name]". Colour codes do not count as text before it.
_COMMAND = re.compile(r"^((?:[^\S\n]|\x1b\[[\d;]*m)*):(?=:)|##(?=\[|vso\[)", re.MULTILINE | re.IGNORECASE)


def without_commands(text: str) -> str:
    """Break up what a CI runner would read as a command, on every line."""
    return _COMMAND.sub(lambda match: "## " if match[1] is None else f"{match[1]}: ", text)


class _Span(NamedTuple):
    """A secret in a text; ``kept`` leading characters of it are shown."""

    start: int
    end: int
    kept: int


_values: ContextVar[frozenset[str]] = ContextVar("values of known secrets", default=frozenset())
_known: ContextVar[re.Pattern[str] | None] = ContextVar("known secrets", default=None)


def mask(text: str) -> str:
    """Mask what looks like a secret: its first four characters stay, the rest becomes ``…``.

    Lines stay lines, so that a whole file can be masked at once and shown line by line. Masking twice changes nothing.
    """
    pieces, at = [], 0
    for span in _merged(_find(text)):
        pieces += [text[at : span.start + span.kept], "…"]
        at = span.end
    return "".join((*pieces, text[at:]))


def secrets(text: str) -> frozenset[str]:
    """Return the secrets in a text that are long enough to be recognised elsewhere."""
    return frozenset(text[span.start : span.end] for span in _find(text))


@contextlib.contextmanager
def remembering(values: Iterable[str]) -> Iterator[None]:
    """Mask these values, as ``secrets`` returns them, wherever they occur while the block runs; blocks nest."""
    known = _values.get().union(one for one in values if len(one) >= _KNOWN_CHARS)
    longest_first = sorted(known, key=len, reverse=True)[:_MAX_KNOWN]
    pattern = "|".join(map(re.escape, longest_first))
    outer = _values.set(known), _known.set(re.compile(rf"(?<!\w)(?:{pattern})(?!\w)") if pattern else None)
    try:
        yield
    finally:
        _values.reset(outer[0])
        _known.reset(outer[1])


def _find(text: str) -> list[_Span]:
    spans = [*(_remembered(text) if len(text) <= _CACHED_CHARS else _shaped(text))]
    known = _known.get()
    if known is not None:
        spans += [_span(match, 0) for match in known.finditer(text)]
    return [span for span in spans if text[span.end - 1] != "…"]  # masked before


def _shaped(text: str) -> tuple[_Span, ...]:
    """What has the shape of a secret, wherever it is."""
    spans = [*_private_keys(text), *_assignments(text)]
    for token in _tokens():
        if any(literal in text for literal in token.literals):
            spans += [_span(match, 1) for match in token.pattern.finditer(text)]
    return tuple(spans)


# A report masks the same line several times, and every format of it again.
_remembered = functools.lru_cache(maxsize=4096)(_shaped)


def _span(match: re.Match[str], group: int) -> _Span:
    start, end = match.span(group)
    return _Span(start, end, _KEPT if end - start >= _LONG_ENOUGH else 0)


def _merged(spans: list[_Span]) -> list[_Span]:
    """Join overlapping spans."""
    merged: list[_Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = last._replace(end=max(last.end, span.end), kept=min(last.kept, span.kept))
        else:
            merged.append(span)
    return merged


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
    (("uthorization",), r"[Aa]uthorization[\"'\]]{0,2}[ ]?[:=,]?[ ]?[\"']?[Bb]asic ([A-Za-z0-9+/]{6,1024}={0,2})"),
    (("curl ",), r"curl [^\n]{0,200}?(?:-u|--user)[ =][\"']?[\w.@+-]{1,64}:([^\s\"']{3,256})"),
    (("login ",), r"login \S{1,128}[ \t\n]{1,8}password (\S{3,256})"),  # .netrc
    (("SK",), r"(SK[0-9a-f]{32})(?!\w)"),  # Twilio
    (("key-",), r"(key-[0-9a-f]{32})(?!\w)"),  # Mailgun
    (("AAAA",), r"(AAAA[\w-]{7}:[\w-]{100,255})"),  # Firebase
    (("AGE-SECRET-KEY-",), r"(AGE-SECRET-KEY-1[0-9A-Z]{50,70})"),
    (("hvs.", "hvb.", "hvr."), r"(hv[sbr]\.[\w-]{20,255})"),  # Vault
    (("s.",), r"(s\.(?=[A-Za-z]{0,23}\d)[A-Za-z0-9]{24})(?![\w.(])"),
    (("ATATT3", "ATCTT3"), r"(AT[AC]TT3[\w=-]{50,255})"),  # Atlassian
    (("shp",), r"(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})"),  # Shopify
    (("EAAA",), r"(EAAA[\w-]{56,80})"),  # Square
    (("sq0",), r"(sq0[a-z]{3}-[\w-]{22,60})"),
    (("NRAK-", "NRJS-", "NRII-"), r"(NR(?:AK|JS|II)-[\w-]{19,40})"),  # New Relic
    (("gsk_",), r"(gsk_[A-Za-z0-9]{40,80})"),  # Groq
    (("lin_",), r"(lin_(?:api|oauth)_[A-Za-z0-9]{32,80})"),  # Linear
    (("pplx-",), r"(pplx-[A-Za-z0-9]{40,80})"),  # Perplexity
    (("dapi",), r"(dapi[0-9a-f]{32})(?!\w)"),  # Databricks
    (("pul-",), r"(pul-[0-9a-f]{40})(?!\w)"),  # Pulumi
    ((".atlasv1.",), r"(\w{14}\.atlasv1\.[\w=-]{60,100})"),  # Terraform
    ((":AA",), r"(\d{8,10}:AA[\w-]{33})(?![\w-])"),  # Telegram
    (("M", "N", "O"), r"([MNO](?=[\w-]{0,24}\d)[\w-]{23,25}\.[\w-]{6}\.[\w-]{27,38})(?![\w-])"),  # Discord
    (("sig=",), r"sig=([\w%+/-]{30,200}={0,2})"),  # Azure shared access signatures
    (  # elements of XML
        ("</",),
        r"(?i:<[\w:.-]{0,40}(?:passw(?:or)?d|secret|token|api-?key|passphrase)>)([^<>\s$]{4,256})</",
    ),
    (  # passwords in URLs
        ("://",),
        r"[A-Za-z][\w+.-]{0,30}://[^\s/:@\"']{0,256}:(?![$<{%]|(?i:pass|password|passwd|pwd|token|secret)@)([^\s/@\"'<>\[\]]{3,256})@",
    ),
)


# --- private keys ---------------------------------------------------------------------------------------------------

_KEY_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_CHUNK = re.compile(r"[A-Za-z0-9+/=]{16,}")
# The middle of a key, where a hunk begins inside it: PEM lines are 64 characters (RFC 7468).
_PEM_LINES = re.compile(r"(?:^[ \t]{0,16}[A-Za-z0-9+/]{64}$\n?){2,}", re.MULTILINE)
_ONLY_HEX = re.compile(r"[0-9a-fA-F\s]*\Z")


def _private_keys(text: str) -> Iterator[_Span]:
    at = 0
    for begin in _KEY_BEGIN.finditer(text) if "PRIVATE KEY" in text else ():
        if begin.start() >= at:
            at = text.find("-----END", begin.end(), begin.end() + _KEY_BODY)
            at = at if at >= 0 else _end_of_cut_key(text, begin.end())
            yield from _chunks(text, begin.end(), at)
    for lines in _PEM_LINES.finditer(text):
        if not _ONLY_HEX.match(lines[0]):
            yield from _chunks(text, *lines.span())


def _chunks(text: str, start: int, end: int) -> Iterator[_Span]:
    for chunk in _KEY_CHUNK.finditer(text, start, end):
        yield _Span(*chunk.span(), kept=0)


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


# --- assignments ----------------------------------------------------------------------------------------------------

_SECRET_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential")


@functools.cache
def _assignment() -> re.Pattern[str]:
    return re.compile(
        r"(?i:passphrase|password|passwd|pwd|secret|token|credential|(?:api|access|auth|private|account|signing)[_-]?key)"
        r"s?(?![a-rt-z])"  # not in tokenizer, secretary
        r"(?P<suffix>[\w-]{0,40}+)"
        r"[\"'\]]{0,2}+(?:[ ]{0,2}:[ ]{0,2}[A-Za-z]{1,12}+(?=[ \t]{0,8}=))?"  # a quoted key, a type
        r"[ \t]{0,8}+(?:=>|:=|[:=])[ \t]{0,8}+"
        r"(?:[rbf]?(?P<quote>[\"'`])(?P<quoted>[^\"'`\s]{8,512}+)(?P=quote)"
        r"|(?P<bare>[^\s\"'`,;(){}\[\]<>$]{8,512}+)(?=[\s,;]|\Z))"
    )


@functools.cache
def _setting() -> re.Pattern[str]:
    """A whole line of a configuration file, whose password is often short and in no quotes."""
    return re.compile(
        r"^[ \t+-]{0,64}+(?:export )?[\w.-]{0,40}?(?i:password|passwd|passphrase|pwd|secret)"
        r"[ \t]{0,8}+[:=][ \t]{0,8}+(?P<value>[^\s\"'`,;(){}\[\]<>$.]{5,128}+)[ \t]{0,8}+$",
        re.MULTILINE,
    )


@functools.cache
def _passphrase() -> re.Pattern[str]:
    return re.compile(
        r"(?i:passphrase)[\w-]{0,40}+[\"'\]]{0,2}+[ \t]{0,8}+[:=][ \t]{0,8}+[\"']?"
        r"(?P<value>[a-z0-9-]{2,20}+(?: [a-z0-9-]{2,20}+){3,11}+)(?=[\"']|[ \t]{0,8}+$)",
        re.MULTILINE,
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


def _assignments(text: str) -> Iterator[_Span]:
    lowered = text.lower()
    if not any(word in lowered for word in _SECRET_WORDS):
        return
    for match in _assignment().finditer(text):
        group = "quoted" if match["quoted"] else "bare"
        if not _NOT_THE_SECRET.search(match["suffix"]) and _looks_secret(match[group], bare=group == "bare"):
            yield _span(match, match.re.groupindex[group])
    for match in _setting().finditer(text):
        value = match["value"]
        mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
        if mixed and "_" not in value and not _PLACEHOLDER.match(value):  # an underscore: a name in code
            yield _span(match, 1)
    for match in _passphrase().finditer(text):
        yield _span(match, 1)


def _looks_secret(value: str, *, bare: bool) -> bool:
    if _PLACEHOLDER.match(value):
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
