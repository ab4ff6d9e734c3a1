"""The format of requests to an OpenAI-compatible server, and of its replies and refusals.

A reply is untrusted: it may come from another program at a configured URL. One without the documented shape raises an
``EngineRequestError`` that quotes its start, without control characters and the key.

Format: https://platform.openai.com/docs/api-reference/chat and vLLM's documentation of its server.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.engine.client.endpoint import API_KEY_VARIABLE, KEYRING_SERVICE
from reviewer.errors import EngineDiedError, EngineError, EngineFaultError, EngineRequestError, PromptTooLongError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.engine.client.endpoint import Endpoint

Message = dict[str, str]

_QUOTED_CHARS = 400
_TOP_LOGPROBS = 20  # the most that the format and vLLM's default allow
# vLLM's API server outlives its engine for a moment and replies with this (v1/engine/exceptions.py of vLLM 0.32.0).
_ENGINE_DEAD = re.compile(r"\bEngineCore encountered an issue|EngineDeadError")
LOGS_HINT = "reviewer engine logs shows the last log lines"
_TOO_LONG = re.compile(r"(?:context|model) length|context_length_exceeded|input tokens", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Completion:
    """One complete answer.

    Attributes:
        text: What the model wrote; the analysis of a reasoning model is not part of it.
        finish_reason: ``"stop"``, or ``"length"`` when the cap on tokens cut it.
        cached_tokens: Tokens of the prompt that the prefix cache served; 0 where the server does not report them.
        seconds: From sending to the whole answer, on the client's clock.
        logprobs: Per generated token, the log-probability of each likely token, the generated one first; empty unless
            asked for. They may include tokens of a reasoning model's analysis.
    """

    text: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    logprobs: tuple[dict[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How an answer is decoded.

    Attributes:
        schema: JSON schema that the reply must follow, enforced while decoding.
        extra: Fields of the request that only some servers or models support, such as ``{"reasoning_effort": "low"}``.
    """

    max_tokens: int
    temperature: float = 0.0
    schema: Mapping[str, Any] | None = None
    seed: int | None = None
    stop: Sequence[str] = ()
    logprobs: bool = False
    extra: Mapping[str, Any] | None = None


def chat_body(model: str, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
    """Build the body for ``/v1/chat/completions``."""
    body = {"model": model, "messages": list(messages), **_common(sampling)}
    if sampling.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "reply", "schema": sampling.schema, "strict": True},
        }
    if sampling.logprobs:
        body |= {"logprobs": True, "top_logprobs": _TOP_LOGPROBS}
    return body | dict(sampling.extra or {})


def completion_body(model: str, prompt: str, sampling: Sampling) -> dict[str, Any]:
    """Build the body for ``/v1/completions``."""
    return {"model": model, "prompt": prompt, **_common(sampling)} | dict(sampling.extra or {})


def _common(sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body


def read_completion(data: object, seconds: float) -> Completion:
    """Read the reply to a chat or raw completion.

    Raises:
        EngineRequestError: It does not have the documented shape.
    """
    choice = _first_choice(data)
    message = choice.get("message")
    # A reasoning model that ran out of tokens in its analysis sends no content at all.
    text = (message.get("content") if isinstance(message, dict) else choice.get("text")) or ""
    reason = choice.get("finish_reason")
    if not isinstance(text, str) or not (reason is None or isinstance(reason, str)):
        raise unexpected("a completion", data)
    usage = data.get("usage") if isinstance(data, dict) else None
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    return Completion(
        text=text,
        finish_reason=reason,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else 0,
        seconds=seconds,
        logprobs=_logprobs(choice.get("logprobs")),
    )


def read_delta(line: str) -> str | None:
    """Read the new text of one line of a stream; None at its end.

    Raises:
        EngineDiedError: The line reports that the engine is gone.
        EngineRequestError: The line reports another error, or does not have the documented shape.
    """
    if not line.startswith("data:"):
        return ""  # comments, event names and the empty lines between events
    payload = line.removeprefix("data:").strip()
    if payload == "[DONE]":
        return None
    data = load_json(payload.encode())
    if isinstance(data, dict) and data.get("error"):
        reason = _reason(data)
        kind = EngineDiedError if _ENGINE_DEAD.search(reason) else EngineRequestError
        raise kind(f"the engine broke off its answer: {reason}")
    if isinstance(data, dict) and data.get("choices") == []:
        return ""  # the usage that some servers append
    choice = _first_choice(data)
    delta = choice.get("delta")
    text = (delta.get("content") if isinstance(delta, dict) else choice.get("text")) or ""
    if not isinstance(text, str):
        raise unexpected("a piece of a stream", data)
    return text


def load_json(content: bytes) -> object:
    """Parse a reply's body.

    Raises:
        EngineRequestError: It is not JSON.
    """
    try:
        return untrusted.parse_json(content)
    except untrusted.MalformedError:
        raise unexpected("JSON", content.decode("utf-8", "replace")) from None


def refusal(endpoint: Endpoint, status: int, content: bytes, location: str | None = None) -> EngineError:
    """Make an error of a reply with an HTTP status other than 200."""
    try:
        reason = _reason(untrusted.parse_json(content))
    except untrusted.MalformedError:
        reason = quoted(content.decode("utf-8", "replace"))
    if endpoint.api_key:
        reason = reason.replace(endpoint.api_key, "[key]")
    if status in (400, 413, 422) and _TOO_LONG.search(reason):
        return PromptTooLongError(
            f"the prompt does not fit the model's context: {reason}",
            hint="review a smaller change, or serve the model with a longer context (max_model_len)",
        )
    if status in (401, 403):
        return EngineRequestError(
            f"{endpoint} refused the key (HTTP {status}): {reason}"
            if endpoint.api_key
            else f"{endpoint} requires a key (HTTP {status}), and none is set",
            hint=f"set {API_KEY_VARIABLE}, or store the key in the keyring (engine.keyring = true):\n"
            f"keyring set {KEYRING_SERVICE} {endpoint}",
        )
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
        return EngineRequestError(
            f"{endpoint} redirects to {quoted(location or 'nowhere')}, which is not followed",
            hint="set engine.url to the final address",
        )
    if status >= 500 and _ENGINE_DEAD.search(reason):  # noqa: PLR2004 - HTTP's own faults
        return EngineDiedError(
            f"the engine at {endpoint} died: {reason}",
            hint=LOGS_HINT if endpoint.uds else None,
        )
    kind = EngineFaultError if status >= 500 else EngineRequestError  # noqa: PLR2004 - HTTP's own faults
    return kind(f"the engine answered HTTP {status}: {reason or 'no reason given'}")


def unexpected(wanted: str, got: object) -> EngineRequestError:
    """Make the error for a reply of the wrong shape."""
    text = got if isinstance(got, str) else json.dumps(got, default=str)
    return EngineRequestError(
        f"the engine's reply is not {wanted}: {quoted(text, 200) or '(empty)'}",
        hint="check that engine.url is an OpenAI-compatible server, such as vLLM",
    )


def quoted(text: str, limit: int = _QUOTED_CHARS) -> str:
    """One bounded line of untrusted text, safe to print."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _reason(data: object) -> str:
    """The message in an error's body; servers differ in where they put it."""
    if isinstance(data, dict):
        for key in ("error", "message", "detail"):
            if data.get(key):
                return _reason(data[key])
    return quoted(data if isinstance(data, str) else json.dumps(data, default=str))


def _first_choice(data: object) -> dict[str, Any]:
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise unexpected("a completion", data)
    return choices[0]


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _logprobs(value: object) -> tuple[dict[str, float], ...]:
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return ()
    return tuple(_likely_tokens(entry) for entry in content if isinstance(entry, dict))


def _likely_tokens(entry: dict[str, Any]) -> dict[str, float]:
    likely = entry.get("top_logprobs")
    candidates = [entry, *(likely if isinstance(likely, list) else [])]
    return {
        candidate["token"]: float(candidate["logprob"])
        for candidate in candidates
        if isinstance(candidate, dict)
        and isinstance(candidate.get("token"), str)
        and isinstance(candidate.get("logprob"), (int, float))
    }
