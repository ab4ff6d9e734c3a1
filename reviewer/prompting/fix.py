"""The request to explain and fix one finding of a rule or an analyzer, and the strict reading of its reply.

The reply is a fenced code block and a sentence, not JSON: small models write worse code inside a JSON string. They
also end after the sentence, without any code, so their reply is begun with the fence and the sentence comes last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.diff import printable, restore
from reviewer.engine.tasks import CONTINUED
from reviewer.languages import LANGUAGES
from reviewer.prompting import manual
from reviewer.prompting.fence import marker
from reviewer.prompting.reply import InvalidReplyError
from reviewer.prompting.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.engine.client.wire import Message
    from reviewer.finding import Finding
    from reviewer.prompting.prompts import Prompts

SAMPLES = 4
"""Samples of one fix; on a CPU a batch of eight costs what one stream costs."""

_TEMPERATURE = 0.7
_MAX_LINES = 40  # a longer function is not written anew
_AROUND = 6  # lines on each side of a fault outside a function
SENTENCE_CHARS = 240
_FENCE = re.compile(r"^(`{3,})[^\n`]*\n(.*?)^\1[ \t]*$", re.DOTALL | re.MULTILINE)
_TICKS = re.compile(r"`{3,}")


@dataclass(frozen=True, slots=True)
class Fix:
    """One sample of a fix, unchecked.

    Attributes:
        start, end: The lines that it replaces, 1-based, inclusive.
        original: Those lines, without a final newline.
        code: The lines in their place.
        sentence: What goes wrong, as the model explains it; may be empty.
    """

    start: int
    end: int
    original: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class FixReader:
    """Reads a reply about the lines ``start`` to ``end``.

    Attributes:
        marker: The line around what the prompt shows, which a small model copies.
        begun: The start of the code block, if the prompt ends with it.
    """

    start: int
    end: int
    original: str
    marker: str = ""
    begun: str = ""

    def __call__(self, text: str, *, truncated: bool) -> Fix:
        """Take the sentence and the code apart.

        Raises:
            InvalidReplyError: There is no whole code block.
        """
        whole = f"{self.begun}{text}\n"
        found = _FENCE.search(whole)
        if found is None:
            raise InvalidReplyError("the fix was cut" if truncated else "the fix has no code block")
        said = whole[found.end() :] if self.begun else whole[: found.start()]
        sentence = " ".join(said.split())[:SENTENCE_CHARS]
        lines = (line for line in found[2].split("\n") if not self.marker or line.strip() != self.marker)
        code = restore("\n".join(lines).rstrip("\n"), self.original)
        if code is None:
            raise InvalidReplyError("the fix has characters of which the bytes are not known")
        return Fix(self.start, self.end, self.original, code, sentence)


def requests(prompts: Prompts, finding: Finding, text: str, language: str) -> Iterator[Request]:
    """Write the requests for a finding's fix: the likeliest answer and further samples.

    Args:
        prompts: Renders the templates, and knows the model.
        finding: The fault.
        text: The whole reviewed text of the file.
        language: The name of its language.
    """
    lines = text.split("\n")
    start, end = _window(finding.line, lines, text, language)
    original = "\n".join(line.removesuffix("\r") for line in lines[start - 1 : end])
    shown = printable(original)
    key = marker(finding.path, shown, finding.message)
    fence = "`" * max(3, max(map(len, _TICKS.findall(shown)), default=0) + 1)
    tag = language if LANGUAGES[language].grammar else ""
    begun = f"{fence}{tag}" if prompts.profile.prefill else ""
    content = prompts.render(
        "base/fix_unit.j2",
        path=printable(finding.path),
        scope=printable(finding.scope),
        line=printable(finding.line_text).strip(),
        message=printable(finding.message),
        advice=printable(finding.context),
        code=shown,
        example=manual.example(finding.sources),
        marker=key,
        fence=fence,
        tag=tag,
    )
    system = prompts.render("base/fix.j2", language=LANGUAGES[language], code_first=bool(begun))
    messages: list[Message] = [{"role": "system", "content": system}, {"role": "user", "content": content}]
    if begun:
        messages.append({"role": "assistant", "content": begun})
    for draw in range(SAMPLES):
        yield Request(
            messages=tuple(messages),
            schema=None,
            max_tokens=prompts.profile.reply_tokens(len(original) * 5 // 4 + SENTENCE_CHARS + 80),
            read=FixReader(start, end, original, key, begun),
            # No stop at the closing fence: an opening one without a language looks the same.
            extra=CONTINUED if begun else None,
            temperature=_TEMPERATURE if draw else 0.0,
            optional=True,
            draw=draw,
        )


def _window(line: int, lines: Sequence[str], text: str, language: str) -> tuple[int, int]:
    """Return the lines that the model writes anew: the function around the fault, or some lines around it."""
    scope = syntax.enclosing(language, text, line)
    if scope is not None and scope.kind != "class" and scope.end - scope.start < _MAX_LINES:
        return scope.start, scope.end
    last = len(lines) - 1 if lines[-1] == "" else len(lines)
    first, end = max(1, line - _AROUND), min(last, line + _AROUND)
    if scope is not None:
        first, end = max(first, scope.start), min(end, scope.end)
    return first, end
