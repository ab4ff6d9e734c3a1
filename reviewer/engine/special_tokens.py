"""Keeps a model's special tokens, such as ``<|im_end|>``, out of the text that it is sent.

Servers look for special tokens in the whole prompt, so a line of code that spells one could end its turn and open
another. Each spelling gets a ``~`` behind its first character, ``<~|im_end|>``, which stays readable and is tokenized
as ordinary text. Spellings that already have one get one more, as mboxrd quotes ``From`` lines, so that the mark can be
removed from a reply without loss.
"""

from __future__ import annotations

import json
import re
import unicodedata
from contextlib import aclosing
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

MARK = "~"

# The shapes of most families' tokens, and turns that older templates spell as plain text.
_SHAPES = (
    r"<\|(?! )[^<>|\n]{1,64}(?<! )\|>",
    r"\[\|[^\[\]|\s]{1,64}\|\]",
    r"<(?:unused|SPECIAL_|extra_id_|mask:)\d{1,5}>",
    r"\[(?:control_|UNUSED_TOKEN_)\d{1,5}\]",
    r"</?seed:\w{1,32}>",
    r"\[/?INST\]",
    r"<</?SYS>>",
)
# Sources: the tokenizer files of Llama, CodeLlama, Gemma, Mistral, Qwen, StarCoder, SmolLM, Falcon, GLM, Command, Kimi,
# OLMo, Nemotron, Ling and MiniMax.
_FAMILIES = """
<s> </s> <unk> <pad> <bos> <eos> <mask> <PRE> <SUF> <MID> <EOT>
<start_of_turn> <end_of_turn> <start_of_image> <end_of_image> <image_soft_token> [multimodal]
[AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [TOOL_CONTENT] [ARGS] [CALL_ID]
[IMG] [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [THINK] [/THINK] [AUDIO]
[BEGIN_AUDIO] <tool_call> </tool_call> <tool_response> </tool_response> <think> </think> <repo_name> <reponame>
<file_sep> <filename> <gh_stars> <issue_start> <issue_comment> <issue_closed> <jupyter_start> <jupyter_text>
<jupyter_code> <jupyter_output> <jupyter_script> <empty_output> <commit_before> <commit_msg> <commit_after>
<fim_prefix> <fim_middle> <fim_suffix> <fim_pad> <BOS_TOKEN> <EOS_TOKEN> <PAD_TOKEN> <MASK_TOKEN> <EOP_TOKEN>
<UNK> <CLS> <SEP> >>TITLE<< >>ABSTRACT<< >>INTRODUCTION<< >>SUMMARY<< >>COMMENT<< >>ANSWER<< >>QUESTION<<
>>DOMAIN<< >>PREFIX<< >>SUFFIX<< >>MIDDLE<< [gMASK] [sMASK] [MASK] [eMASK] <sop> <eop> [BOS] [EOS] [EOT] [UNK]
[PAD] [CLS] [SEP] [start_header_id] [end_header_id] |||PHONE_NUMBER||| |||EMAIL_ADDRESS||| |||IP_ADDRESS|||
<role> </role> ]~b] ]~!b[ [e~[
"""
FAMILIES = tuple(_FAMILIES.split())
"""Tokens of well-known models that have no shape of their own, for a server whose tokenizer files are not at hand."""

_MAX_BYTES = 64 << 20
_HEAD_BYTES = 4 << 20  # tokenizer.json lists its added tokens before its vocabulary
_FILES = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_BRACKETED = re.compile(r"[<\[{(|].{2,}[>\]})|]", re.DOTALL)
_LONGEST = 160  # of a shape, with room for marks
_MAX_CHARS = 256


class SpecialTokens:
    """Breaks the special tokens of one model.

    Args:
        tokens: Their spellings; without any, those of the well-known families.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._first, self._longest = _compiled(tuple(sorted({*tokens} or FAMILIES)))

    def broken(self, text: str) -> str:
        """Break every special token in a text."""
        return MARK.join(text[start:end] for start, end in pairwise([0, *self._places(text), len(text)]))

    def restored(self, text: str) -> str:
        """Undo ``broken`` in a reply."""
        marks = [place for place in self._places(text) if text[place : place + 1] == MARK]
        return "".join(text[start + 1 : end] for start, end in pairwise([-1, *marks, len(text)]))

    def messages(self, messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """Break the special tokens in the contents of a conversation."""
        return [{**message, "content": self.broken(message["content"])} for message in messages]

    async def stream(self, pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Undo ``broken`` in a reply that arrives in pieces."""
        held = ""
        async with aclosing(pieces):
            async for piece in pieces:
                held += piece
                # Hold back what could be a marked token that has not arrived as a whole, from its first character on.
                mark = held.find(MARK, max(0, len(held) - self._longest))
                cut = max(0, (len(held) if mark < 0 else len(held[:mark].rstrip(MARK))) - 1)
                if cut:
                    yield self.restored(held[:cut])
                    held = held[cut:]
        if held:
            yield self.restored(held)

    def _places(self, text: str) -> Iterator[int]:
        """Where the second character of each token is, marked ones included."""
        return (match.end() for match in self._first.finditer(_folded(text)))


def read(folder: Path) -> tuple[str, ...]:
    """The special tokens in a model's tokenizer files.

    Added tokens that a tokenizer does not call special count if they are in brackets: ``<think>`` and ``<tool_call>``
    control a model as well.
    """
    found: set[str] = set()
    for entry in _added_tokens(folder / "tokenizer.json"):
        found.update(_contents(entry))
    for name in _FILES:
        data = _json(folder / name)
        for key, value in data.items() if isinstance(data, dict) else ():
            if key == "added_tokens_decoder" and isinstance(value, dict):
                found.update(text for entry in value.values() for text in _contents(entry))
            elif key.endswith(("_token", "_special_tokens")):
                found.update(_texts(value))
            elif name == "added_tokens.json" and _BRACKETED.fullmatch(key):
                found.add(key)
    # Of one character nothing can be broken, and runs of white space control nothing.
    return tuple(sorted(text for text in found if 1 < len(text) <= _MAX_CHARS and not text.isspace()))


def _added_tokens(path: Path) -> list[Any]:
    """The list ``added_tokens`` of a tokenizer.json, mostly without reading its vocabulary."""
    head = _bytes(path, _HEAD_BYTES).decode("utf-8", "replace")
    at = head.find("[", head.find('"added_tokens"')) if '"added_tokens"' in head else -1
    try:
        listed = json.JSONDecoder().raw_decode(head, at)[0] if at >= 0 else None
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        data = _json(path)
        listed = data.get("added_tokens") if isinstance(data, dict) else None
    return listed if isinstance(listed, list) else []


def _contents(entry: object) -> Iterator[str]:
    text = entry.get("content") if isinstance(entry, dict) else None
    if isinstance(entry, dict) and isinstance(text, str) and (entry.get("special") or _BRACKETED.fullmatch(text)):
        yield text


def _texts(value: object) -> Iterator[str]:
    """The tokens of a setting: a text, a list or mapping of texts, or a token's record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and isinstance(value.get("content"), str):
        yield value["content"]
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from (_texts(one) if isinstance(one, (str, dict)) and one is not value else ())


def _json(path: Path) -> object:
    try:
        return json.loads(_bytes(path, _MAX_BYTES))
    except (ValueError, RecursionError):
        return None


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError:
        return b""


@lru_cache(maxsize=8)
def _compiled(tokens: tuple[str, ...]) -> tuple[re.Pattern[str], int]:
    """A pattern for the first character of each token, and the length of the longest one with room for marks."""
    shaped = re.compile("|".join(_SHAPES))
    folded = {_folded(token) for token in tokens}
    plain = sorted({token for token in folded if len(token) > 1 and not shaped.fullmatch(token)}, key=len, reverse=True)
    rest: dict[str, list[str]] = {}
    for pattern in (*_SHAPES, *map(re.escape, plain)):
        # Escaped or not, a pattern's first character is a literal.
        split = 2 if pattern[0] == "\\" else 1
        rest.setdefault(pattern[:split], []).append(pattern[split:])
    firsts = (f"{first}(?={MARK}*(?:{'|'.join(ends)}))" for first, ends in rest.items())
    return re.compile("|".join(firsts)), max(_LONGEST, *(2 * len(token) for token in plain), 0)


def _folded(text: str) -> str:
    """Replace characters by those that tokenizers with normalization take them for, one by one."""
    return text if text.isascii() else text.translate(_equivalents())


@lru_cache(maxsize=1)
def _equivalents() -> dict[int, str]:
    found = {0x2581: " "}  # SentencePiece's space
    for code in (*range(0xA0, 0xD800), *range(0xE000, 0x10000), *range(0x1D400, 0x1D800)):
        normal = unicodedata.normalize("NFKC", chr(code))
        if len(normal) == 1 and normal.isascii():
            found[code] = normal
    return found
