"""What a caller may ask of the model: one immutable value, passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from reviewer.errors import ConfigError

DEFAULT_MODEL = "openai/gpt-oss-20b"
EMBEDDED_MODEL = "smollm2-135m-instruct"

Quantization = Literal["auto", "none", "bf16", "mxfp4", "int8", "int4", "fp8"]
Device = Literal["auto", "cpu", "cuda"]

_QUANTIZATIONS = ("auto", "none", "bf16", "mxfp4", "int8", "int4", "fp8")
_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The model and the limits it runs under.

    Attributes:
        model: A Hugging Face id, a catalog name or a local folder.
        embedded: Use the small model that comes from the package index instead of ``model``.
        max_memory_gb: Ceiling for the engine's whole process tree (CPU) or its GPU share, in GB of 10**9 bytes;
            None leaves the choice to the plan.
        quantization: ``"auto"`` follows the memory tiers; ``"none"`` and ``"bf16"`` both mean unquantized weights.
        max_model_len: Context length in tokens; None lets the plan choose.
        max_num_seqs: Requests decoded at once; None lets the plan choose.
        temperature: Sampling temperature of ``generate_text``.
        max_tokens: Longest reply in tokens; None follows from the context length.
        timeout: Default time for one call, in seconds.
        start_timeout: Time without any sign of life after which a starting engine is given up, in seconds.
        engine_url: An OpenAI-compatible endpoint to attach to instead of starting one; several, as a tuple or with
            commas between them, share the requests.
        api_key: Key for every endpoint of ``engine_url``; kept out of ``repr``.
        keyring: Take the key from the system's keyring where ``api_key`` is not set.
        ca_file: PEM file of the certificates to trust for https, in place of the system's.
        engine_python: A Python interpreter that has vLLM.
        idle_timeout: Seconds without a request after which the engine is stopped; None never stops it.

    Raises:
        ConfigError: A value is out of range.
    """

    model: str = DEFAULT_MODEL
    embedded: bool = False
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
        """Refuse values that can only fail later."""
        if not self.model:
            raise ConfigError("the model's name is empty")
        for name in ("max_memory_gb", "timeout", "start_timeout", "idle_timeout"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} must be a positive number, not {value!r}")
        for name in ("max_model_len", "max_num_seqs", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1, not {value!r}")
        if not 0 <= self.temperature <= 2:  # noqa: PLR2004 - the range of the OpenAI API
            raise ConfigError(f"temperature must be between 0 and 2, not {self.temperature!r}")
        if self.quantization not in _QUANTIZATIONS:
            raise ConfigError(f"unknown quantization {self.quantization!r}", hint=f"known: {', '.join(_QUANTIZATIONS)}")
        if self.device not in _DEVICES:
            raise ConfigError(f"unknown device {self.device!r}", hint=f"known: {', '.join(_DEVICES)}")

    @property
    def model_id(self) -> str:
        """The model that will really be used."""
        return EMBEDDED_MODEL if self.embedded else self.model

    def __repr__(self) -> str:
        """Show all but the key."""
        asked = f"max_memory_gb={self.max_memory_gb}, quantization={self.quantization!r}"
        return f"ModelConfig(model={self.model_id!r}, {asked})"
