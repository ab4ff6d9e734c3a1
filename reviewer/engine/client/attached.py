"""Which of the configured endpoints answer, and with which model: all are asked at once before the first request.

Of several, one that does not answer is left out with a note. All others must serve the same model, since a review by
two models would be reported as one model's.
"""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.assets import install_command
from reviewer.engine.client import tls
from reviewer.engine.client.endpoint import API_KEY_VARIABLE, KEYRING_SERVICE, Endpoint, parse_urls
from reviewer.engine.client.health import EndpointState
from reviewer.engine.client.prometheus import RUNNING, WAITING
from reviewer.errors import ConfigError, EngineError, EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Served:
    """What the endpoints serve.

    Attributes:
        endpoints: Those that answer, each with the model's name.
        urls: All that are configured.
        model: The name of the model that all serve.
        root: What the servers loaded it from, where they agree.
        context_tokens: The shortest context length among them; None where none publishes it.
        left_out: Those that do not answer.
    """

    endpoints: tuple[Endpoint, ...]
    urls: tuple[str, ...]
    model: str
    root: str | None
    context_tokens: int | None
    left_out: tuple[EndpointState, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The state of one configured endpoint.

    Attributes:
        models: The names of what it serves.
        running, waiting: All clients' requests there; None where it does not publish them.
        problem: Why it cannot be used; empty where it can.
    """

    endpoint: str
    models: tuple[str, ...] = ()
    running: int | None = None
    waiting: int | None = None
    problem: str = ""


async def reports(config: ModelConfig) -> list[Report]:
    """Ask every configured endpoint for its state, all at once.

    Raises:
        ConfigError: A URL or the keyring is wrong.
    """
    endpoints = await _with_keys(parse_urls(config.engine_url or ""), config)
    return list(await asyncio.gather(*(_report(endpoint) for endpoint in endpoints)))


async def _report(endpoint: Endpoint) -> Report:
    from reviewer.engine.client.client import EngineClient

    async with EngineClient(endpoint) as client:
        try:
            models = tuple(str(entry["id"]) for entry in await client.models())
        except EngineError as error:
            return Report(str(endpoint), problem=error.message)
        try:
            figures = await client.metrics()
        except EngineError:
            figures = {}
    running, waiting = (None if name not in figures else int(figures[name]) for name in (RUNNING, WAITING))
    return Report(str(endpoint), models, running, waiting, "" if models else "it serves no model")


async def look(config: ModelConfig) -> Served:
    """Ask every configured endpoint which models it serves.

    Raises:
        EngineUnreachableError: None answers.
        EngineError: The only configured one refuses, or its certificate is not trusted.
        ConfigError: A URL or the keyring is wrong, or the endpoints serve different models.
    """
    endpoints = await _with_keys(parse_urls(config.engine_url or ""), config)
    answers = list(zip(endpoints, await asyncio.gather(*map(_ask, endpoints)), strict=True))
    alive = [(endpoint, answer) for endpoint, answer in answers if isinstance(answer, list)]
    silent = [(endpoint, answer) for endpoint, answer in answers if not isinstance(answer, list)]
    if not alive:
        raise _none_answers(silent)
    model = _common(config.model_id, alive)
    chosen = [next(entry for entry in entries if entry["id"] == model) for _, entries in alive]
    roots = {root if isinstance(root, str) else None for root in (entry.get("root") for entry in chosen)}
    lengths = [n for n in (entry.get("max_model_len") for entry in chosen) if isinstance(n, int) and n > 0]
    return Served(
        endpoints=tuple(dataclasses.replace(endpoint, served_name=model) for endpoint, _ in alive),
        urls=tuple(endpoint.url for endpoint in endpoints),
        model=model,
        root=roots.pop() if len(roots) == 1 else None,
        context_tokens=min(lengths, default=None),
        left_out=tuple(
            EndpointState(str(endpoint), answers=False, problem=error.message) for endpoint, error in silent
        ),
    )


async def _with_keys(endpoints: Sequence[Endpoint], config: ModelConfig) -> list[Endpoint]:
    found = []
    for endpoint in endpoints:
        key = config.api_key
        if not key and config.keyring:
            # In a thread: a locked keyring asks its owner. Only if the user's settings say so, for the same reason.
            key = await asyncio.to_thread(_from_keyring, endpoint.url)
        found.append(dataclasses.replace(endpoint, api_key=key or None, ca_file=tls.ca_file(config.ca_file)))
    return found


def _from_keyring(url: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise ConfigError(
            "engine.keyring is on, but the package keyring is not installed",
            hint=f"{install_command('keyring')}\nor set {API_KEY_VARIABLE}",
        ) from error
    try:
        return keyring.get_password(KEYRING_SERVICE, url)
    except KeyringError as error:
        raise ConfigError(
            f"cannot read the key for {url} from the keyring: {str(error).strip() or type(error).__name__}",
            hint=f"unlock it, or set {API_KEY_VARIABLE}",
        ) from error


async def _ask(endpoint: Endpoint) -> list[dict[str, Any]] | EngineError:
    from reviewer.engine.client.client import EngineClient

    async with EngineClient(endpoint) as client:
        try:
            served = await client.models()
        except EngineError as error:
            return error
    return served or EngineUnreachableError(
        f"{endpoint} serves no model", hint="load a model there, or unset engine.url"
    )


def _none_answers(silent: Sequence[tuple[Endpoint, EngineError]]) -> EngineError:
    if len(silent) == 1:
        return silent[0][1]
    reasons = "\n".join(error.message for _, error in silent)
    return EngineUnreachableError(
        f"none of the {len(silent)} endpoints of engine.url can be used:\n{reasons}", hint=silent[0][1].hint
    )


def _common(wanted: str, alive: Sequence[tuple[Endpoint, list[dict[str, Any]]]]) -> str:
    """The configured model if any server has it, else the first model of the first server; all must serve it."""
    names = [[str(entry["id"]) for entry in entries] for _, entries in alive]
    everywhere = [name for name in names[0] if all(name in others for others in names)]
    if any(wanted in some for some in names):
        everywhere = [wanted] if wanted in everywhere else []
    if not everywhere:
        listed = "\n".join(
            f"{endpoint} serves {', '.join(some)}" for (endpoint, _), some in zip(alive, names, strict=True)
        )
        raise ConfigError(
            f"the endpoints of engine.url serve different models:\n{listed}",
            hint="configure only endpoints that serve one model, or set the same --served-model-name everywhere",
        )
    return everywhere[0]
