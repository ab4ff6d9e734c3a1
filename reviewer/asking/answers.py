"""Requests in, answers out: from the cache where they are known, else from the engine, all at once.

An unreadable answer is asked for once more, and an engine that dies is restarted once. After that the request fails
with its reason; the other requests are not affected. That a fix or a completion stayed unreadable is stored, too, so
that the next review does not ask for it again; an unread part of the change is asked about again. Secrets are sent and
stored as placeholders (``Redaction``).
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.cache import AnswerCache, key
from reviewer.errors import (
    EngineDiedError,
    EngineError,
    EngineUnreachableError,
    InferenceTimeoutError,
    PromptTooLongError,
    ReviewerError,
)
from reviewer.finding import Usage
from reviewer.prompting.reply import FORMAT_VERSION, InvalidReplyError
from reviewer.terminal.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.client.wire import Completion
    from reviewer.engine.manager import AIModelManager
    from reviewer.engine.profile import ModelProfile
    from reviewer.prompting.request import Request
    from reviewer.terminal.progress import Progress

_ENGINE_GONE = (EngineDiedError, EngineUnreachableError)
# At temperature 0 a second try would give the same unusable reply again.
_RETRY_TEMPERATURE = 0.5
_CUT = "\x03"  # ends a cached reply that was cut off at its length limit; "end of text" in ASCII
_UNUSABLE = "\x15"  # ends a cached reply that could not be read, nor one before it; "negative acknowledge" in ASCII
_UNSURE = "\x1a"  # ends a cached reply of which the model was not sure; "substitute", for what is in doubt
_OUT_OF_TIME = "the time budget was exceeded"
NO_PROGRESS = "the engine made no progress"
"""How the reason begins where the engine did not answer in time; asked again, it may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request.

    Attributes:
        value: The reply as ``Request.read`` returned it; None where there is none.
        reason: Why there is none; empty where there is one.
        too_long: Whether a smaller request could succeed.
        error: What caused the reason; None where the answer itself was unusable.
        unsure: Whether the model was less sure of its words than ``Request.least_sure`` demands.
    """

    value: Any = None
    cached: bool = False
    reason: str = ""
    too_long: bool = False
    error: ReviewerError | None = None
    unsure: bool = False


class Answerer:
    """Answers requests for one review and counts what they cost.

    Args:
        manager: The model to ask; loaded only when the cache lacks something.
        profile: The model's profile.
        cache: Known answers; None asks for everything again.
        progress: Receives the steps.
        wait: Longest time to wait for a cold engine, in seconds.
        deadline: Longest time for all answers together, in seconds.
    """

    def __init__(
        self,
        manager: AIModelManager,
        profile: ModelProfile,
        *,
        cache: AnswerCache | None,
        progress: Progress,
        wait: float | None = None,
        deadline: float | None = None,
    ) -> None:
        self._manager = manager
        self._profile = profile
        self._cache = cache
        self._progress = progress
        self._wait = wait
        self._ends = None if deadline is None else asyncio.get_running_loop().time() + deadline
        self._silent = ""
        self._open = asyncio.Semaphore(profile.max_num_seqs)
        self._done = 0
        self.usage = Usage()

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 where it is over."""
        return math.inf if self._ends is None else max(0.0, self._ends - asyncio.get_running_loop().time())

    async def ask(self, requests: Sequence[Request], *, doing: str = "") -> list[Answer]:
        """Answer every request, in the order given.

        Args:
            requests: What is asked.
            doing: The progress message; empty for the one of a review.

        Raises:
            EngineError: Not one of the requests that the cache lacks could be answered, because of the engine.
        """
        answers = [self.known(request) for request in requests]
        missing = [index for index, answer in enumerate(answers) if answer is None]
        if missing:
            await self._manager.load_model(progress=self._progress, wait=self._wait)
            asked = await self._ask_engine([requests[index] for index in missing], doing)
            _raise_if_all_lost(asked)
            for index, answer in zip(missing, asked, strict=True):
                answers[index] = answer
        return [answer for answer in answers if answer is not None]

    def known(self, request: Request) -> Answer | None:
        """The answer that the cache has; None where it has none."""
        text = self._cache.get(self._key(request)) if self._cache is not None else None
        if text is None:
            return None
        reply = text.removesuffix(_UNUSABLE)
        said = reply.removesuffix(_UNSURE)
        whole = said.removesuffix(_CUT)
        try:
            value = request.read(_redaction(request).restore(whole), truncated=whole != said)
            answer = Answer(value, cached=True, unsure=said != reply)
        except InvalidReplyError as error:
            if reply == text:
                return None
            answer = Answer(reason=str(error), cached=True)
        self._count(cached=1)
        return answer

    async def _ask_engine(self, requests: Sequence[Request], doing: str) -> list[Answer]:
        self._done = 0
        pieces = f"{len(requests)} {'piece' if len(requests) == 1 else 'pieces'}"
        self._progress.step(doing or f"reading {pieces} of the change")
        tasks = [asyncio.create_task(self._answer(request, len(requests))) for request in requests]
        try:
            reason = await self._until_settled(tasks)
        finally:
            for task in tasks:
                task.cancel()
            settled = await asyncio.gather(*tasks, return_exceptions=True)
        return [_settled(result, reason) for result in settled]

    async def _until_settled(self, tasks: Sequence[asyncio.Task[Answer]]) -> str:
        """Wait for all until the deadline; return why some are not done, or nothing."""
        _, pending = await asyncio.wait(tasks, timeout=None if self._ends is None else self.left)
        return _OUT_OF_TIME if pending else ""

    async def _answer(self, request: Request, total: int) -> Answer:
        async with self._open:
            if self._silent:  # waiting for it anew with each request could take hours
                return Answer(reason=self._silent)
            try:
                answer = await self._twice(request)
            except InferenceTimeoutError as error:
                self._silent = error.message
                answer = Answer(reason=error.message)
            except PromptTooLongError:
                # Without the server's figures: units of one file with the same reason are reported together.
                answer = Answer(reason="it does not fit the model's context", too_long=True)
            except EngineError as error:
                answer = Answer(reason=error.message, error=error)
        self._done += 1
        self._progress.advance(self._done, total, "pieces")
        return answer

    async def _twice(self, request: Request) -> Answer:
        first = await self._once(request, again=False)
        return first if not first.reason else await self._once(request, again=True)

    async def _once(self, request: Request, *, again: bool) -> Answer:
        try:
            completion = await self._chat(request, again=again)
        except _ENGINE_GONE:
            if again:
                raise
            await self._manager.revive(progress=self._progress)
            completion = await self._chat(request, again=False)
        self._count(
            requests=1,
            retried=int(again),
            prompt_tokens=completion.prompt_tokens,
            completion_tokens=completion.completion_tokens,
        )
        redaction, cut = _redaction(request), completion.finish_reason == "length"
        try:
            value = request.read(redaction.restore(completion.text), truncated=cut)
        except InvalidReplyError as error:
            if again and request.optional:
                self._store(request, redaction, completion.text, (_CUT if cut else "") + _UNUSABLE)
            return Answer(reason=str(error))
        unsure = _is_unsure(completion, request.least_sure)
        self._store(request, redaction, completion.text, (_CUT if cut else "") + (_UNSURE if unsure else ""))
        return Answer(value, unsure=unsure)

    def _store(self, request: Request, redaction: Redaction, reply: str, end: str) -> None:
        text = redaction.stored(reply)
        if self._cache is not None and text is not None:
            self._cache.put(self._key(request), text + end)

    async def _chat(self, request: Request, *, again: bool) -> Completion:
        # No seed: vLLM 0.32.0 on a CPU crashes on a seeded sample whose prompt is prefilled in pieces ("CPU Generator
        # does not use offset", gpu_model_runner.py), and at temperature 0 a seed has no effect.
        temperature = _RETRY_TEMPERATURE if again else request.temperature
        redaction = _redaction(request)
        if request.raw is not None:
            return await self._manager.complete(
                redaction.hide(request.raw), max_tokens=request.max_tokens, temperature=temperature, stop=request.stop
            )
        return await self._manager.chat(
            [{**message, "content": redaction.hide(message["content"])} for message in request.messages],
            max_tokens=request.max_tokens,
            temperature=temperature,
            schema=request.schema,
            stop=request.stop,
            logprobs=request.least_sure is not None,
            extra=request.extra,
        )

    def _key(self, request: Request) -> str:
        return key(
            {
                "format": FORMAT_VERSION,
                "model": self._profile.id,
                "digest": self._profile.digest,
                "messages": list(request.messages) if request.raw is None else request.raw,
                "schema": request.schema,
                "max_tokens": request.max_tokens,
                "temperature": request.temperature,
                "sampling": dict(self._profile.sampling),
                "stop": list(request.stop),
                "extra": dict(request.extra or {}),
                "draw": request.draw,
                "least_sure": request.least_sure,
            }
        )

    def _count(self, **counts: int) -> None:
        new = {name: getattr(self.usage, name) + count for name, count in counts.items()}
        self.usage = dataclasses.replace(self.usage, **new)


def _is_unsure(completion: Completion, least: float | None) -> bool:
    """Whether the model was not sure enough; a server that tells no probabilities is believed."""
    own = [next(iter(token.values())) for token in completion.logprobs if token]
    return least is not None and bool(own) and statistics.fmean(own) < least


def _redaction(request: Request) -> Redaction:
    texts = (message["content"] for message in request.messages) if request.raw is None else (request.raw,)
    return Redaction(texts)


def _settled(result: Answer | BaseException, reason: str) -> Answer:
    if isinstance(result, asyncio.CancelledError):
        return Answer(reason=reason)
    if isinstance(result, BaseException):
        raise result
    return result


def _raise_if_all_lost(answers: Sequence[Answer]) -> None:
    lost = [answer.error for answer in answers if answer.error is not None]
    if lost and len(lost) == len(answers):
        raise lost[0]
