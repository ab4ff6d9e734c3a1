"""The configuration of one model: one immutable value, passed in."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Literal

from reviewer.errors import ConfigError, UsageError

DEFAULT_MODEL = "openai/gpt-oss-20b"
# Names of the embedded models, the most capable first, and their ids (``models/embedded.toml``).
EMBEDDED_MODELS = {
    "1.5b": "qwen2.5-coder-1.5b-instruct-gguf",
    "0.5b": "qwen2.5-coder-0.5b-instruct-gguf",
    "135m": "smollm2-135m-instruct",
}
_KNOWN_EMBEDDED = f"known: {', '.join(EMBEDDED_MODELS)}"
EMBEDDED_VARIABLE = "REVIEWER_EMBEDDED"

Quantization = Literal["auto", "none", "bf16", "mxfp4", "int8", "int4", "fp8"]
Device = Literal["auto", "cpu", "cuda"]

_QUANTIZATIONS = ("auto", "none", "bf16", "mxfp4", "int8", "int4", "fp8")
_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The model and the limits it runs under.

    Attributes:
        model: A Hugging Face id, a catalog name or a local folder.
        embedded: Use a model that the package index carries instead of ``model``: True takes the largest that suits
            the machine (``planning/embedded.py``), a key of ``EMBEDDED_MODELS`` names one. None decides by the variable
            ``REVIEWER_EMBEDDED``, unless ``model`` or ``engine_url`` is set.
        max_memory_gb: Limit for the engine's whole process tree (CPU) or its GPU share, in GB of 10**9 bytes;
            None lets the plan choose.
        quantization: ``"auto"`` follows the memory tiers; ``"none"`` and ``"bf16"`` both mean unquantized weights.
        max_model_len: Context length in tokens; None lets the plan choose.
        max_num_seqs: Requests decoded at once; None lets the plan choose.
        temperature: Sampling temperature of ``generate_text``.
        max_tokens: Longest reply in tokens; None derives it from the context length.
        timeout: Seconds without progress of the engine after which a request is given up. A request that waits
            while the engine works on others is not; pass a call's own ``timeout`` to bound its time.
        start_timeout: Seconds without a new log line after which a starting engine is given up.
        engine_url: An OpenAI-compatible endpoint to attach to instead of starting one. Several, as a tuple or
            separated by commas, share the requests.
        api_key: Key for every endpoint of ``engine_url``; kept out of ``repr``.
        keyring: Read the key from the system's keyring if ``api_key`` is not set.
        ca_file: PEM file of the certificates to trust for https, instead of the system's.
        engine_python: A Python interpreter with vLLM installed.
        idle_timeout: Seconds without a request after which the engine is stopped; None never stops it.

    Raises:
        ConfigError: A value is out of range.
    """

    model: str = DEFAULT_MODEL
    embedded: bool | str | None = None
    max_memory_gb: float | None = None
    quantization: Quantization = "auto"
    device: Device = "auto"
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    temperature: float = 0.2
    max_tokens: int | None = None
    timeout: float = 120.0
    start_timeout: float = 300.0
    engine_url: str | tuple[str, ...] | None = None
    api_key: str | None = None
    keyring: bool = False
    ca_file: str | None = None
    engine_python: str | None = None
    idle_timeout: float | None = 1800.0

    def __post_init__(self) -> None:
        """Refuse values that would only fail later."""
        if not self.model:
            raise ConfigError("the model's name is empty")
        for name in ("timeout", "start_timeout", "temperature"):
            if getattr(self, name) is None:
                raise ConfigError(f"{name} must be a number, not None")
        try:
            check_numbers(
                max_memory_gb=self.max_memory_gb, timeout=self.timeout, start_timeout=self.start_timeout,
                idle_timeout=self.idle_timeout, temperature=self.temperature, max_model_len=self.max_model_len,
                max_num_seqs=self.max_num_seqs, max_tokens=self.max_tokens,
            )  # fmt: skip
        except UsageError as error:
            raise ConfigError(error.message) from None
        if self.quantization not in _QUANTIZATIONS:
            raise ConfigError(f"unknown quantization {self.quantization!r}", hint=f"known: {', '.join(_QUANTIZATIONS)}")
        if self.device not in _DEVICES:
            raise ConfigError(f"unknown device {self.device!r}", hint=f"known: {', '.join(_DEVICES)}")
        if self.embedded is None:
            chosen = self.model == DEFAULT_MODEL and not self.engine_url and _embedded_by_environment()
            object.__setattr__(self, "embedded", chosen)
        self._check_embedded()

    def _check_embedded(self) -> None:
        if not isinstance(self.embedded, (bool, str)):
            raise ConfigError(f"embedded must be True, False or a name, not {self.embedded!r}", hint=_KNOWN_EMBEDDED)
        if self.embedded and self.model != DEFAULT_MODEL:
            raise ConfigError(f"both embedded and the model {self.model} are set", hint="set one of them")
        if isinstance(self.embedded, str) and self.embedded not in EMBEDDED_MODELS:
            raise ConfigError(f"there is no embedded model {self.embedded!r}", hint=_KNOWN_EMBEDDED)

    @property
    def model_id(self) -> str:
        """The model that is used; ``"embedded"`` while ``embedded`` is True and thus depends on the machine."""
        if isinstance(self.embedded, str):
            return EMBEDDED_MODELS[self.embedded]
        return "embedded" if self.embedded else self.model

    def __repr__(self) -> str:
        """Leave out the key."""
        limits = f"max_memory_gb={self.max_memory_gb}, quantization={self.quantization!r}"
        return f"ModelConfig(model={self.model_id!r}, {limits})"


_WHOLE = ("max_model_len", "max_num_seqs", "max_tokens", "cursor_position", "seed")
_FROM_ZERO = ("temperature", "wait", "cursor_position", "seed")
_MAX_TEMPERATURE = 2  # the range of the OpenAI API


def check_numbers(**values: object) -> None:
    """Refuse arguments that are not numbers or out of range; None is always accepted.

    Raises:
        UsageError: One of them is wrong; the message names it.
    """
    for name, value in values.items():
        if value is None:
            continue
        least = 0 if name in _FROM_ZERO else 1 if name in _WHOLE else None
        kind = "a whole number" if name in _WHOLE else "a number"
        if isinstance(value, bool) or not isinstance(value, int if name in _WHOLE else (int, float)):
            raise UsageError(f"{name} must be {kind}, not {value!r}")
        if least is None and not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name} must be a positive number, not {value!r}")
        if least is not None and not (math.isfinite(value) and value >= least):
            raise UsageError(f"{name} must be at least {least}, not {value!r}")
        if name == "temperature" and value > _MAX_TEMPERATURE:
            raise UsageError(f"{name} must be at most {_MAX_TEMPERATURE}, not {value!r}")


def _embedded_by_environment() -> bool | str:
    word = os.environ.get(EMBEDDED_VARIABLE, "").strip().lower()
    return word if word in EMBEDDED_MODELS else word in ("1", "true", "yes", "on", "auto")
