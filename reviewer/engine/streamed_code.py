"""A completion that is handed out line by line while it is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.engine.tasks import FENCE_END, FENCED

if TYPE_CHECKING:
    from reviewer.engine.tasks import CompletionRequest


class CodeStream:
    """Reads a reply that arrives in pieces; hands out what the rest of the reply cannot change.

    Args:
        request: How the model was asked.
    """

    def __init__(self, request: CompletionRequest) -> None:
        self._request = request
        self._reply = self._given = ""

    def feed(self, piece: str) -> str:
        """Return the further lines of code that ``piece`` settles; may be empty."""
        self._reply += piece
        if "\n" not in piece:
            return ""
        lines = self._reply[: self._reply.rindex("\n")]
        return self._further(lines) if self._is_settled(lines) else ""

    def end(self) -> str:
        """Return the rest of the code."""
        return self._further(self._reply)

    def _further(self, reply: str) -> str:
        code = self._request.read(reply)
        if not code.startswith(self._given):  # a fence after the code: what follows it is an explanation
            return ""
        before, self._given = self._given, code
        return code.removeprefix(before)

    def _is_settled(self, lines: str) -> bool:
        if self._request.is_continued:
            return True
        fenced = FENCED.search(lines)
        if not fenced and (self._request.messages or FENCE_END in lines):  # what came may introduce the code
            return False
        return not _may_repeat(fenced.group(1) if fenced else lines, self._request.task.before)


def _may_repeat(code: str, before: str) -> bool:
    """Whether code may be the beginning of a repetition of the text before the hole, which is cut as a whole."""
    lines = [line.rstrip() for line in code.split("\n")]
    known = [line.rstrip() for line in before.rstrip("\n").split("\n")]
    return any(known[at : at + len(lines)] == lines for at in range(len(known) - len(lines)))
