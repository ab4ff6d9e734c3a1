"""The tokenizer of a GGUF file, as the files that transformers and vLLM load.

Only byte-level BPE, which both embedded models have. GGUF names the rule by which text is split before merging
(``tokenizer.ggml.pre``) without stating it; the rules here are those of the models' own ``tokenizer.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reviewer.errors import ModelSourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONTROL, _USER_DEFINED = 3, 4  # in tokenizer.ggml.token_type
_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_NAMES = {
    "bos_token": "tokenizer.ggml.bos_token_id",
    "eos_token": "tokenizer.ggml.eos_token_id",
    "unk_token": "tokenizer.ggml.unknown_token_id",
    "pad_token": "tokenizer.ggml.padding_token_id",
}


def write(metadata: Mapping[str, Any], folder: Path) -> None:
    """Write ``tokenizer.json``, ``tokenizer_config.json``, ``chat_template.jinja`` and ``generation_config.json``.

    Args:
        metadata: A GGUF file's.
        folder: Where the files go.

    Raises:
        ModelSourceError: The tokenizer is of another kind, or there is no chat template.
        OSError: A file cannot be written.
    """
    template = metadata.get("tokenizer.chat_template")
    if not isinstance(template, str) or not template.strip():
        raise ModelSourceError("the GGUF file holds no chat template")
    tokens: list[str] = metadata.get("tokenizer.ggml.tokens", [])
    try:
        special = {name: tokens[metadata[key]] if key in metadata else None for name, key in _NAMES.items()}
    except IndexError as problem:
        raise ModelSourceError("the GGUF file names a special token that its vocabulary lacks") from problem
    settings = {
        **special,
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": _context(metadata),
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    ends = {name.replace("_token", "_token_id"): metadata[key] for name, key in _NAMES.items() if key in metadata}
    ends.pop("unk_token_id", None)
    _write(folder / "tokenizer.json", tokenizer(metadata))
    _write(folder / "tokenizer_config.json", settings)
    _write(folder / "generation_config.json", ends)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8", newline="")


def tokenizer(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of ``tokenizer.json``.

    Raises:
        ModelSourceError: The tokenizer is of another kind.
    """
    kind, rule = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    if kind != "gpt2" or rule not in _RULES:
        raise ModelSourceError(f"tokenizers of the kind {kind!r} with the rule {rule!r} cannot be converted")
    normalizer, splits = _RULES[rule]
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    alphabet = _byte_alphabet()
    known = set(alphabet.values())
    spelled = [
        token if known.issuperset(token) else "".join(alphabet[byte] for byte in token.encode()) for token in tokens
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(tokens, metadata.get("tokenizer.ggml.token_type", []), known),
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": splits},
        "post_processor": None,
        "decoder": _byte_level(use_regex=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: index for index, token in enumerate(spelled)},
            "merges": [merge.split(" ") for merge in metadata["tokenizer.ggml.merges"]],
        },
    }


def _added(tokens: list[str], kinds: list[int], known: set[str]) -> list[dict[str, Any]]:
    """Tokens that text is searched for before it is split: control tokens, fill-in-the-middle's among them.

    A control token that the byte alphabet cannot spell is a mistake of the file's maker.
    """
    return [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == _CONTROL,
        }
        for index, (token, kind) in enumerate(zip(tokens, kinds, strict=False))
        if kind in (_CONTROL, _USER_DEFINED) and known.issuperset(token)
    ]


def _byte_level(*, use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's spelling of bytes: printable ones as themselves, the others as characters from U+0100 on.

    Source: ``bytes_to_unicode`` in GPT-2's ``encoder.py``.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    spelling = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in spelling)
    return spelling | {byte: chr(256 + place) for place, byte in enumerate(others)}


def _context(metadata: Mapping[str, Any]) -> int | None:
    found = metadata.get(f"{metadata.get('general.architecture')}.context_length")
    return found if isinstance(found, int) else None


def _write(path: Path, contents: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(contents, ensure_ascii=False), encoding="utf-8")


# tokenizer.ggml.pre → normalizer and pre-tokenizers.
_RULES: dict[str, tuple[dict[str, Any] | None, list[dict[str, Any]]]] = {
    "qwen2": (
        {"type": "NFC"},
        [
            {"type": "Split", "pattern": {"Regex": _QWEN2_SPLIT}, "behavior": "Isolated", "invert": False},
            _byte_level(use_regex=False),
        ],
    ),
    "smollm": (None, [{"type": "Digits", "individual_digits": True}, _byte_level(use_regex=True)]),
}
