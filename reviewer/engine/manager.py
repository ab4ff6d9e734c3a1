"""``AIModelManager``: loads, monitors, restarts and unloads a local model, and sends it requests.

It is a façade. ``engines.py`` decides what to run, ``holder.py`` keeps the engine, ``tasks.py`` words the requests,
``request_options.py`` limits their replies, and ``client/pool.py`` sends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from reviewer.engine import tasks
from reviewer.engine.client import health
from reviewer.engine.config import DEFAULT_MODEL, EMBEDDED_MODELS, ModelConfig, check_numbers
from reviewer.engine.holder import Holder
from reviewer.engine.performance import Performance
from reviewer.engine.request_options import RequestOptions
from reviewer.engine.streamed_code import CodeStream
from reviewer.errors import EngineDiedError
from reviewer.terminal.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from reviewer.engine.client.health import EngineFacts
    from reviewer.engine.client.pool import EnginePool
    from reviewer.engine.client.wire import Completion, Message
    from reviewer.engine.profile import ModelProfile


class AIModelManager:
    """Loads one model under one memory limit and answers from it.

    Args:
        config: The model and its limits; see ``ModelConfig``.
        keep_warm: Leave the engine running when the ``async with`` block ends, for the next command to use.
        may_start: Whether ``load_model`` may start an engine. Without it, it joins a running one or raises
            ``EngineNotReadyError``.
        **options: Fields of ``ModelConfig`` that replace those of ``config``.

    Every generating call takes ``timeout``, a deadline for the whole answer in seconds. Without it, the call waits as
    long as the engine makes progress, also when that works on other requests first, and gives up after
    ``config.timeout`` seconds without progress.

    Every generating call raises ``UsageError`` for an argument that is out of range, ``ModelNotLoadedError`` before
    ``load_model``, ``InferenceTimeoutError`` when its time is over, ``EngineDiedError`` when the engine is gone
    (``restart`` brings it back), and ``PromptTooLongError`` when the prompt does not fit the context length.

    Example::

        async with AIModelManager(max_memory_gb=12) as manager:
            print(await manager.explain_code("def f(x): return x[::-1]"))
    """

    def __init__(
        self, config: ModelConfig | None = None, *, keep_warm: bool = False, may_start: bool = True, **options: Any
    ) -> None:
        if "model" in options:  # it replaces an embedded one
            options.setdefault("embedded", False)
        if options.get("embedded"):
            options.setdefault("model", DEFAULT_MODEL)
        asked = ModelConfig(**options) if config is None else dataclasses.replace(config, **options)
        self.config, self._choice = _resolved(asked)
        self._keep_warm = keep_warm
        self._performance = Performance()
        self._held = Holder(self.config, self._performance, may_start=may_start)

    async def __aenter__(self) -> Self:
        """Load the model."""
        await self.load_model()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unload the model, or only disconnect if it is kept warm."""
        await (self.detach() if self._keep_warm else self.unload_model())

    @property
    def loaded(self) -> bool:
        """Whether ``load_model`` has succeeded and nothing unloaded it since."""
        return self._held.loaded_at is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about the engine, one line each, such as endpoints that died or are left out."""
        return (*([self._choice] if self._choice else []), *self._held.notes)

    async def profile(self) -> ModelProfile:
        """What is known about the model without loading it.

        Raises:
            EngineError: It is not installed, nothing fits, or the configured URL does not answer.
        """
        return (await self._held.prepared()).profile

    async def load_model(self, *, progress: Progress = SILENT, wait: float | None = None) -> None:
        """Start the engine, or join one that already serves this configuration, and wait until it answers.

        Args:
            progress: Receives the steps.
            wait: Longest time to wait, in seconds; the engine continues loading after it. None waits until it is ready.

        Raises:
            EngineNotReadyError: It is still loading after ``wait`` seconds.
            EngineStartError: It died or hung; the message quotes its last log lines.
            EngineError: It cannot be started at all.
        """
        check_numbers(wait=wait)
        await self._held.load(progress, wait)

    async def unload_model(self) -> None:
        """Stop the engine's whole process tree and free its memory; a server attached by URL is left running."""
        await self._held.disconnect(stop=True)

    async def detach(self) -> None:
        """Disconnect from the engine and leave it running."""
        await self._held.disconnect(stop=False)

    async def restart(self, *, progress: Progress = SILENT) -> None:
        """Stop the engine, even if another command started it, and start it from the files as they are now."""
        await self._held.prepared()
        await self.unload_model()
        self._held.engine = None
        await self.load_model(progress=progress)

    async def revive(self, *, progress: Progress = SILENT) -> None:
        """Bring back an engine that died, once for all concurrent callers; does nothing to one that answers.

        Requests made meanwhile wait for it. Requests that are still open keep their connection.

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
        """Ask for one answer to a conversation; see ``Sampling`` for the options."""
        check_numbers(max_tokens=max_tokens, temperature=temperature, seed=seed)
        async with self._request(timeout) as pool:
            options = self._options()
            completion = await pool.chat(
                options.special_tokens.messages(messages),
                timeout=timeout,
                max_tokens=max_tokens,
                temperature=self.config.temperature if temperature is None else temperature,
                schema=schema,
                seed=seed,
                stop=stop,
                logprobs=logprobs,
                extra=options.fields(extra) or None,
            )
        self._performance.answered(completion)
        return dataclasses.replace(completion, text=options.special_tokens.restored(completion.text))

    async def complete(
        self,
        prompt: str,
        *,
        max_tokens: int,
        temperature: float,
        stop: Sequence[str] = (),
        timeout: float | None = None,
    ) -> Completion:
        """Continue a raw prompt; the caller has broken the special tokens in its text. ``stop`` may contain some."""
        check_numbers(max_tokens=max_tokens, temperature=temperature)
        async with self._request(timeout) as pool:
            completion = await pool.complete(
                prompt, timeout=timeout, max_tokens=max_tokens, temperature=temperature, stop=stop, extra=tasks.RAW
            )
            special = self._options().special_tokens
        self._performance.answered(completion)
        return dataclasses.replace(completion, text=special.restored(completion.text))

    async def generate_text(self, prompt: str, timeout: float | None = None) -> str:
        """Answer a prompt; whether it is about code, and in which language, is guessed from the prompt."""
        return await self._ask(tasks.text_messages(prompt), timeout)

    async def stream_text(self, prompt: str, timeout: float | None = None) -> AsyncGenerator[str, None]:
        """Answer a prompt piece by piece, as the pieces are decoded."""
        async with contextlib.aclosing(self._stream_chat(tasks.text_messages(prompt), timeout)) as pieces:
            async for piece in pieces:
                yield piece

    async def generate_code_completion(
        self,
        code_context: str,
        cursor_position: int | None = None,
        *,
        language: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Write the code that belongs at the cursor, and nothing else.

        Args:
            code_context: The text on both sides of the cursor.
            cursor_position: Characters before the cursor; None puts it at the end.
            language: Name of the language; None guesses it.
            timeout: In seconds; see the class.
        """
        check_numbers(cursor_position=cursor_position)
        request = await self._completion(tasks.completion(code_context, cursor_position, language))
        options = self._options().completion(request)
        if request.prompt:
            done = await self.complete(request.prompt, **options, timeout=timeout)
        else:
            done = await self.chat(request.messages, **options, extra=request.extra, timeout=timeout)
        return request.read(done.text)

    async def stream_code_completion(
        self,
        code_context: str,
        cursor_position: int | None = None,
        *,
        language: str | None = None,
        timeout: float | None = None,
    ) -> AsyncGenerator[str, None]:
        """Write the code that belongs at the cursor line by line; see ``generate_code_completion``."""
        check_numbers(cursor_position=cursor_position)
        request = await self._completion(tasks.completion(code_context, cursor_position, language))
        options, code = self._options(), CodeStream(request)
        if request.prompt:
            stream = self._stream(request.prompt, timeout, **options.completion(request), extra=tasks.RAW)
        else:
            messages, extra = options.special_tokens.messages(request.messages), options.fields(request.extra)
            stream = self._stream(messages, timeout, **options.completion(request), extra=extra)
        async with contextlib.aclosing(stream) as pieces:
            async for piece in pieces:
                if lines := code.feed(piece):
                    yield lines
        if rest := code.end():
            yield rest

    async def explain_code(
        self, code: str, question: str | None = None, *, language: str | None = None, timeout: float | None = None
    ) -> str:
        """Explain code in a few sentences, or answer a question about it.

        Args:
            code: What to explain.
            question: What to answer; None explains what the code does.
            language: Name of the language; None guesses it.
            timeout: In seconds; see the class.
        """
        return await self._ask(tasks.explain_messages(code, question, language), timeout)

    async def stream_explanation(
        self, code: str, question: str | None = None, *, language: str | None = None, timeout: float | None = None
    ) -> AsyncGenerator[str, None]:
        """Explain code piece by piece; see ``explain_code``."""
        messages = tasks.explain_messages(code, question, language)
        async with contextlib.aclosing(self._stream_chat(messages, timeout)) as pieces:
            async for piece in pieces:
                yield piece

    async def health_check(self) -> dict[str, Any]:
        """Check the process, the endpoint, the model's files, the memory and the latest errors; never raises.

        Returns:
            The keys that ``health.judge`` describes, ready for JSON.
        """
        engine = self._held.engine
        endpoints = await self._held.survey()
        return health.judge(
            loaded=self.loaded,
            endpoints=endpoints,
            facts=await asyncio.to_thread(engine.facts) if engine is not None else health.NOT_LOADED,
            performance=self._performance.summary(),
            errors=tuple(self._performance.errors),
        )

    def get_model_status(self) -> dict[str, Any]:
        """The state of the model as plain values, ready for JSON; in bytes and seconds."""
        engine, loaded_at = self._held.engine, self._held.loaded_at
        facts: EngineFacts = engine.facts(verify=False) if engine is not None else health.NOT_LOADED
        return {
            "model": engine.profile.id if engine else self.config.model_id,
            "loaded": self.loaded,
            "notes": list(self.notes),
            "state": facts.state,
            "uptime_seconds": time.time() - loaded_at if loaded_at else 0.0,
            "context_tokens": engine.profile.context_tokens if engine else None,
            "quantization": facts.quantization,
            "dtype": facts.dtype,
            "engine": {
                "pid": facts.pid,
                "endpoint": facts.endpoint,
                "endpoints": [dataclasses.asdict(state) for state in self._held.endpoints()],
                "log": facts.log,
            },
            "memory": {
                "limit_bytes": facts.memory_limit,
                "planned_bytes": facts.memory_planned,
                "measured_bytes": facts.memory_measured,
            },
            "performance": self._performance.summary(),
        }

    async def _ask(self, messages: Sequence[Message], timeout: float | None) -> str:
        completion = await self.chat(messages, **self._options().answer(messages), timeout=timeout)
        return completion.text.strip()

    def _stream_chat(self, messages: Sequence[Message], timeout: float | None) -> AsyncGenerator[str, None]:
        options = self._options()
        asked = options.special_tokens.messages(messages)
        return self._stream(asked, timeout, **options.answer(messages), extra=options.fields())

    async def _stream(
        self, prompt: str | Sequence[Message], timeout: float | None, **options: Any
    ) -> AsyncGenerator[str, None]:
        """Pieces of a reply to a prompt whose special tokens are broken already."""
        began, count = time.perf_counter(), 0
        async with self._request(timeout) as pool:
            stream = pool.stream(prompt, timeout=timeout, **options)
            async with contextlib.aclosing(self._options().special_tokens.stream(stream)) as pieces:
                async for piece in pieces:
                    count += 1
                    yield piece
        self._performance.streamed(time.perf_counter() - began, count)

    async def _completion(self, task: tasks.CompletionTask) -> tasks.CompletionRequest:
        return tasks.completion_request(task, (await self._held.prepared()).profile)

    def _options(self) -> RequestOptions:
        return RequestOptions(self._held.loaded().profile, self.config)

    @contextlib.asynccontextmanager
    async def _request(self, timeout: float | None) -> AsyncIterator[EnginePool]:
        """The connections for one request, which is counted."""
        check_numbers(timeout=timeout)
        pool = await self._held.pool()
        with self._performance.request(deadline=timeout is not None):
            try:
                yield pool
            except EngineDiedError as error:
                hint = "await manager.restart(), or: reviewer engine restart"
                raise EngineDiedError(error.message, hint=hint) from error


def _resolved(config: ModelConfig) -> tuple[ModelConfig, str | None]:
    """The configuration with the embedded model that suits this machine, and why it is not the largest."""
    if config.embedded is not True:
        return config, None
    from reviewer.engine.planning import embedded

    found, reason = embedded.resolved(config)
    return found, None if found.embedded == next(iter(EMBEDDED_MODELS)) else reason
