"""``AIModelManager``: one object that loads, watches, restarts and unloads a local model, and asks it things.

It is a façade. What to run is decided in ``engines.py``, the engine is held by ``holder.py`` and its process kept by
``server.py``, requests travel through ``client.py``, and the words around a request come from ``tasks.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from reviewer.engine import tasks
from reviewer.engine.client.health import HealthReport, judge
from reviewer.engine.config import ModelConfig
from reviewer.engine.holder import Holder
from reviewer.engine.performance import Performance
from reviewer.errors import EngineDiedError, PromptTooLongError
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from reviewer.engine.client.client import EngineClient
    from reviewer.engine.client.pool import EnginePool
    from reviewer.engine.client.wire import Completion, Message
    from reviewer.engine.profile import ModelProfile

COMPLETION_TEMPERATURE = 0.3
_COMPLETION_TIMEOUT = 60.0
_EXPLAIN_TIMEOUT = 60.0


class AIModelManager:
    """Loads one model under one memory limit and answers from it.

    Args:
        config: Everything that may be asked; see ``ModelConfig``.
        keep_warm: Leave the engine running when the ``async with`` block ends, for the next command to use.
        **options: Fields of ``ModelConfig``, in place of or on top of ``config``.

    Every generating call raises ``ModelNotLoadedError`` before ``load_model``, ``InferenceTimeoutError`` when its time
    is over, ``EngineDiedError`` when the engine is gone (``restart`` brings it back), ``PromptTooLongError`` when the
    prompt does not fit the context length.

    Example::

        async with AIModelManager(max_memory_gb=12) as manager:
            print(await manager.explain_code("def f(x): return x[::-1]"))
    """

    def __init__(self, config: ModelConfig | None = None, *, keep_warm: bool = False, **options: Any) -> None:
        base = config or ModelConfig()
        self.config = dataclasses.replace(base, **options) if options else base
        self._keep_warm = keep_warm
        self._performance = Performance()
        self._held = Holder(self.config, self._performance)

    async def __aenter__(self) -> Self:
        """Load the model."""
        await self.load_model()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unload the model, or only let go of it where it is kept warm."""
        await (self.detach() if self._keep_warm else self.unload_model())

    @property
    def loaded(self) -> bool:
        """Whether ``load_model`` has succeeded and nothing unloaded it since."""
        return self._held.loaded

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the engine, one line each: endpoints that are left out, or died meanwhile."""
        return self._held.notes

    async def profile(self) -> ModelProfile:
        """What is known of the model without loading it.

        Raises:
            EngineError: It is not installed, nothing fits, or the configured URL does not answer.
        """
        return (await self._held.prepared()).profile

    async def load_model(self, *, progress: Progress = SILENT, wait: float | None = None) -> None:
        """Start the engine, or join one that already serves this configuration, and wait until it answers.

        Args:
            progress: Hears of the steps.
            wait: Longest time to wait, in seconds; the engine goes on loading after it. None waits until it is ready.

        Raises:
            EngineNotReadyError: ``wait`` is over and it is still loading.
            EngineStartError: It died or hung; the message quotes its last lines.
            EngineError: It cannot be started at all.
        """
        await self._held.load(progress, wait)

    async def unload_model(self) -> None:
        """Stop the engine's whole process tree and free its memory; a server attached by URL is only let go of."""
        await self._held.stop()

    async def detach(self) -> None:
        """Let go of the engine and leave it running."""
        await self._held.let_go()

    async def restart(self, *, progress: Progress = SILENT) -> None:
        """Stop the engine, also one that an earlier command left, and start it from the files as they are now."""
        await self._held.prepared()
        await self.unload_model()
        self._held.engine = None
        await self.load_model(progress=progress)

    async def revive(self, *, progress: Progress = SILENT) -> None:
        """Bring back an engine that died, once for all who ask for it meanwhile; does nothing to one that answers.

        Requests that are made while it comes back wait for it. Those that are still open keep their connection.

        Raises:
            EngineError: It cannot be brought back.
        """
        await self._held.revive(progress)

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float | None = None,
        schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
        timeout: float | None = None,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> Completion:
        """Ask for one answer to a conversation; the other generating calls are made of this one."""
        async with self._asking() as client:
            completion = await client.chat(
                messages,
                max_tokens=max_tokens,
                temperature=self.config.temperature if temperature is None else temperature,
                schema=schema,
                seed=seed,
                timeout=timeout,
                stop=stop,
                logprobs=logprobs,
                extra={**self._extra(), **(extra or {})} or None,
            )
        self._performance.answered(completion)
        return completion

    async def generate_text(self, prompt: str, timeout: float = 30.0) -> str:
        """Answer a prompt; whether it is about code, and in which language, is told from the prompt itself."""
        return (await self._ask(tasks.text_messages(prompt), timeout=timeout)).text.strip()

    async def stream_text(self, prompt: str, timeout: float = 30.0) -> AsyncIterator[str]:
        """Answer a prompt piece by piece, as the pieces are decoded."""
        messages = tasks.text_messages(prompt)
        limit = self._reply_cap(messages)
        began, pieces = time.perf_counter(), 0
        async with self._asking() as client:
            async for piece in client.stream(
                messages, max_tokens=limit, temperature=self.config.temperature, timeout=timeout, extra=self._extra()
            ):
                pieces += 1
                yield piece
        self._performance.streamed(time.perf_counter() - began, pieces)

    async def generate_code_completion(
        self,
        code_context: str,
        cursor_position: int | None = None,
        *,
        language: str | None = None,
        timeout: float = _COMPLETION_TIMEOUT,
    ) -> str:
        """Write the code that belongs at the cursor, and nothing else.

        Args:
            code_context: The text on both sides of the cursor.
            cursor_position: Characters before the cursor; None puts it at the end.
            language: Name of the language; None guesses it.
            timeout: In seconds.
        """
        task = tasks.completion(code_context, cursor_position, language)
        profile = (await self._held.prepared()).profile
        if profile.fim is not None:
            limit = self._reply_cap([{"role": "user", "content": code_context}], profile.bounds.code_chars)
            async with self._asking() as client:
                done = await client.complete(
                    tasks.fim_prompt(task, profile.fim),
                    max_tokens=limit,
                    temperature=COMPLETION_TEMPERATURE,
                    timeout=timeout,
                    stop=tasks.fim_stops(profile.fim),
                )
            self._performance.answered(done)
            return tasks.inserted_code(done.text, task)
        messages = tasks.completion_messages(task, prefill=profile.prefill)
        answer = await self.chat(
            messages,
            max_tokens=self._reply_cap(messages, profile.bounds.code_chars),
            temperature=COMPLETION_TEMPERATURE,
            timeout=timeout,
            stop=(tasks.FENCE_END,) if profile.prefill else (),
            extra=tasks.PREFILLED if profile.prefill else None,
        )
        read = tasks.continued_code if profile.prefill else tasks.inserted_code
        return read(answer.text, task)

    async def explain_code(
        self,
        code: str,
        question: str | None = None,
        *,
        language: str | None = None,
        timeout: float = _EXPLAIN_TIMEOUT,
    ) -> str:
        """Explain code in a few sentences, or answer a question about it.

        Args:
            code: What to explain.
            question: What to answer; None explains what the code does.
            language: Name of the language; None guesses it.
            timeout: In seconds.
        """
        return (await self._ask(tasks.explain_messages(code, question, language), timeout=timeout)).text.strip()

    async def health_check(self) -> HealthReport:
        """Look at the process, the endpoint, the model's files, the memory and the latest errors; never raises."""
        engine = self._held.engine
        endpoints = await self._held.survey()
        facts = await asyncio.to_thread(engine.facts) if engine is not None else None
        return judge(
            loaded=self.loaded,
            endpoints=endpoints,
            facts=facts,
            performance=self._performance.summary(),
            errors=tuple(self._performance.errors),
        )

    def get_model_status(self) -> dict[str, Any]:
        """The state of the model as plain values, ready for JSON; bytes and seconds throughout."""
        engine, loaded_at = self._held.engine, self._held.loaded_at
        facts = engine.facts(verify=False) if engine is not None else None
        profile = engine.profile if engine is not None else None
        return {
            "model": profile.id if profile else self.config.model_id,
            "loaded": self.loaded,
            "state": facts.state if facts else "not loaded",
            "uptime_seconds": time.time() - loaded_at if loaded_at else 0.0,
            "context_tokens": profile.context_tokens if profile else None,
            "quantization": facts.quantization if facts else None,
            "dtype": facts.dtype if facts else None,
            "engine": {
                "pid": facts.pid if facts else None,
                "endpoint": facts.endpoint if facts else None,
                "endpoints": [dataclasses.asdict(state) for state in self._held.endpoints()],
                "log": facts.log if facts else None,
            },
            "memory": {
                "limit_bytes": facts.memory_limit if facts else None,
                "planned_bytes": facts.memory_planned if facts else None,
                "measured_bytes": facts.memory_measured if facts else None,
            },
            "performance": self._performance.summary(),
        }

    async def _ask(self, messages: Sequence[Message], *, timeout: float) -> Completion:
        return await self.chat(messages, max_tokens=self._reply_cap(messages), timeout=timeout)

    def _reply_cap(self, messages: Sequence[Message], chars: int | None = None) -> int:
        """Longest reply that the context length leaves room for, in tokens."""
        profile = self._held.require().profile
        prompt = profile.prompt_tokens(sum(len(message["content"]) for message in messages))
        room = profile.context_tokens - prompt
        if room < 16:  # noqa: PLR2004 - less is no answer
            raise PromptTooLongError(
                f"the prompt has about {prompt} tokens; {profile.id} is served with {profile.context_tokens}",
                hint="shorten the prompt, or raise max_model_len",
            )
        wanted = self.config.max_tokens or profile.reply_tokens(chars or profile.bounds.text_chars)
        return min(wanted, room)

    def _extra(self) -> dict[str, Any]:
        profile = self._held.require().profile
        # A hook wants an answer, not an essay: the least thinking that a reasoning model offers.
        thinking = {"reasoning_effort": "low"} if profile.reasoning else {}
        return {**thinking, **profile.sampling}

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[EngineClient | EnginePool]:
        """The client for one request, which is counted."""
        async with self._held.using() as client:
            with self._performance.counted():
                try:
                    yield client
                except EngineDiedError as error:
                    hint = "await manager.restart(), or: reviewer engine restart"
                    raise EngineDiedError(error.message, hint=hint) from error
