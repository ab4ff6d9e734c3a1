"""The messages of requests other than reviews (free text, explanations, completions), and the code in their replies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reviewer.engine.special_tokens import SpecialTokens
from reviewer.errors import UsageError
from reviewer.languages import GENERIC, LANGUAGES, Language, guess
from reviewer.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.engine.client.wire import Message
    from reviewer.engine.profile import FimTokens, ModelProfile

FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_CODE_SYSTEM = (
    "You are a careful {language} programmer. Answer with correct {language} code and at most a few sentences."
)
_PROSE_SYSTEM = "You are a helpful assistant to programmers. Answer briefly and plainly. Say so when you do not know."
# A reply is cut where it repeats the first line after the cursor that has at least this many characters.
_MIN_REPEATED = 8
_COMMENTS = ("#", "//", "--", "/*", "*")
# What follows a TODO in the code that models learn from is a stub, so they are not shown the mark.
_MARK = re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b(?:\([^)]*\))?[:\s-]*", re.IGNORECASE)
_LONGEST_EMPTY = 200  # characters
_SAYS_NOTHING = re.compile(
    r"\W*(?:(?:please|to be|not(?: yet)?|still)\s+)?"
    r"(?:implement(?:ed|ation)?|fill(?:ed)? in|complete(?:d)?|finish(?:ed)?|write|written|done|code|body)?"
    r"(?:\s+(?:it|me|this|here|yet|later|now|the|a|an|function|method|body|code|logic|implementation|\.+))*\W*",
    re.IGNORECASE,
)

CONTINUED = {"add_generation_prompt": False, "continue_final_message": True}
"""Fields of a vLLM chat request whose last message is the start of the reply."""

# Code repeats itself by nature, so the penalty against repetition in a small model's prose is lowered.
PREFILLED = {**CONTINUED, "repetition_penalty": 1.05}
"""The same for the smallest model, whose replies otherwise run in circles."""

RAW = {"skip_special_tokens": False}
"""Fields of a raw vLLM request that is to stop at special tokens, which are invisible to it otherwise."""

FENCE_END = "```"
"""Ends a reply that was prefilled with the start of a fence."""


@dataclass(frozen=True, slots=True)
class CompletionTask:
    """Code with a hole in it.

    Attributes:
        before, after: The text on both sides of the hole.
        name: The function to be written, if known.
    """

    language: Language
    before: str
    after: str
    name: str = ""


def text_messages(prompt: str) -> list[Message]:
    """Messages for a free prompt: to a programmer if it contains code, else to an assistant."""
    language = guess(prompt)
    system = _PROSE_SYSTEM if language is None else _CODE_SYSTEM.format(language=language.title)
    return [{"role": "system", "content": system}, {"role": "user", "content": prompt}]


def explain_messages(
    code: str, question: str | None, language: str | None, templates: Templates | None = None
) -> list[Message]:
    """Messages for an explanation of ``code``."""
    kind = named_language(language, code)
    system = (templates or Templates()).render(f"explain/{kind.name}.j2", language=kind, question=question, code=code)
    user = f"{_fence(code, kind)}\n\n{question or 'Explain this code.'}"
    return [{"role": "system", "content": system.strip()}, {"role": "user", "content": user}]


def completion(code: str, cursor: int | None, language: str | None) -> CompletionTask:
    """Cut code at the cursor.

    Raises:
        UsageError: The cursor is outside the code.
    """
    position = len(code) if cursor is None else cursor
    if not 0 <= position <= len(code):
        raise UsageError(f"the cursor is at character {position} of a text of {len(code)}")
    return CompletionTask(named_language(language, code), code[:position], code[position:])


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """How a model is asked for the code in a hole, and how its reply is read.

    Attributes:
        prompt: A raw prompt for fill-in-the-middle; empty where ``messages`` are sent.
        stop: Texts that end the reply.
        extra: Further fields of the chat request.
    """

    task: CompletionTask
    prompt: str = ""
    messages: tuple[Message, ...] = ()
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_continued(self) -> bool:
        """Whether the reply continues the code before the hole, and so does not repeat it."""
        return bool(self.extra)

    def read(self, reply: str) -> str:
        """The code for the hole."""
        return (continued_code if self.is_continued else inserted_code)(reply, self.task)


def completion_request(task: CompletionTask, profile: ModelProfile) -> CompletionRequest:
    """Ask for a completion in the way that suits the model."""
    if profile.fim is not None:
        special = SpecialTokens(profile.special_tokens)
        return CompletionRequest(task, fim_prompt(task, profile.fim, special), stop=tuple(profile.fim.stops))
    messages = completion_messages(task, prefill=profile.prefill)
    if not profile.prefill:
        return CompletionRequest(task, messages=messages)
    return CompletionRequest(task, messages=messages, stop=(FENCE_END,), extra=PREFILLED)


def completion_messages(
    task: CompletionTask, templates: Templates | None = None, *, placeholder: str = "", prefill: bool = False
) -> tuple[Message, ...]:
    """Messages for a completion by a model without fill-in-the-middle tokens.

    Args:
        task: The code and its hole.
        templates: The prompt templates.
        placeholder: The whole lines that are in the hole now; a cursor mark is shown if empty.
        prefill: Start the reply with the code before the hole, so that a small model continues it instead of
            explaining; send with ``PREFILLED`` and ``FENCE_END``.
    """
    kind = task.language
    system = (templates or Templates()).render(f"complete/{kind.name}.j2", language=kind)
    shown = (
        "\n".join(part for part in (task.before, placeholder.strip("\n"), task.after) if part)
        if placeholder
        else (f"{task.before}<CURSOR>{task.after}")
    )
    hole = repr(placeholder.strip()) if placeholder else "<CURSOR>"
    what = f"the body of {task.name}" if task.name else "the code"
    user = f"{_fence(shown, kind)}\n\nWrite {what} that replaces {hole}. Code only."
    messages = ({"role": "system", "content": system.strip()}, {"role": "user", "content": user})
    if not prefill:
        return messages
    # One blank of the indentation is left to the model, since tokens of current vocabularies begin with one.
    begun = f"{task.before}\n{indent_of(placeholder)}" if placeholder else task.before
    code = begun[:-1] if begun.endswith((" ", "\t")) else begun
    return (*messages, {"role": "assistant", "content": f"```{kind.name}\n{code}"})


def fim_prompt(task: CompletionTask, tokens: FimTokens, special: SpecialTokens, placeholder: str = "") -> str:
    """The raw prompt for fill-in-the-middle; special tokens in the code are broken.

    Args:
        task: The code and its hole.
        tokens: The model's tokens.
        special: The tokens that must not occur in the code.
        placeholder: The whole lines that are in the hole now. Their comments stay without their TODO, if they say what
            is missing; the reply continues their indentation, as for a prefilled request.
    """
    before, after = task.before, task.after
    if placeholder:
        written = (line for line in placeholder.split("\n") if line.lstrip().startswith(_COMMENTS))
        comments = [line for line in (_MARK.sub("", comment) for comment in written) if not _says_nothing(line)]
        before = "\n".join([*([before] if before else []), *comments, indent_of(placeholder)])
        after = f"\n{after}"
    before, after = (special.broken(text) for text in (before, after))
    return f"{tokens.prefix}{before}{tokens.suffix}{after}{tokens.middle}"


def _says_nothing(comment: str) -> bool:
    """Whether a comment does not tell what is missing; a long one does, and would take long to match."""
    return len(comment) <= _LONGEST_EMPTY and _SAYS_NOTHING.fullmatch(comment) is not None


def inserted_code(reply: str, task: CompletionTask) -> str:
    """The code for the hole: without a fence, text around it, and repetitions of the text on either side."""
    fenced = FENCED.search(reply)
    code = fenced.group(1) if fenced else reply
    code = _without_repeated_start(code, task.before)
    return _without_repeated_end(code, task.after).rstrip()


def continued_code(reply: str, task: CompletionTask) -> str:
    """The code for the cursor in a reply to a prefilled request."""
    line = task.before.rpartition("\n")[2]
    if line.strip():
        return _without_repeated_end(reply.removeprefix(" ") if line.endswith(" ") else reply, task.after).rstrip()
    if not line:
        return _without_repeated_end(reply.strip("\n"), task.after).rstrip()
    # The cursor's line is already indented.
    return _without_repeated_end(continued_body(reply, line), task.after).rstrip().removeprefix(line)


def continued_body(reply: str, indent: str) -> str:
    """The body in a reply to a prefilled request: it ends before the first line that is indented less."""
    lines = reply.rstrip().split("\n")
    lines[0] = indent + lines[0].strip()
    end = next((at for at, line in enumerate(lines) if line.strip() and not line.startswith(indent)), len(lines))
    return "\n".join(lines[:end]).rstrip()


def indent_of(text: str) -> str:
    """The indentation of the first line that is not blank."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    return first[: len(first) - len(first.lstrip())]


def named_language(name: str | None, text: str) -> Language:
    """The language of that name; without a name, the one guessed from the text.

    Raises:
        UsageError: No language has that name.
    """
    if name is None:
        return guess(text) or GENERIC
    try:
        return LANGUAGES[name.lower()]
    except KeyError:
        known = ", ".join(sorted(LANGUAGES))
        raise UsageError(f"unknown language {name!r}", hint=f"known: {known}") from None


def _fence(code: str, language: Language) -> str:
    """Fence code with more backticks than any run inside it."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{'' if language is GENERIC else language.name}\n{code}\n{ticks}"


def _without_repeated_start(code: str, before: str) -> str:
    """Cut the lines before the hole that the reply repeats, longest match first."""
    lines = code.split("\n")
    known = before.rstrip("\n").split("\n")
    for count in range(min(len(lines), len(known)), 0, -1):
        if [line.rstrip() for line in lines[:count]] == [line.rstrip() for line in known[-count:]]:
            return "\n".join(lines[count:])
    last = known[-1]
    return code.removeprefix(last) if len(last.strip()) >= _MIN_REPEATED else code


def _without_repeated_end(code: str, after: str) -> str:
    following = next((line.strip() for line in after.split("\n") if len(line.strip()) >= _MIN_REPEATED), None)
    if following is None:
        return code
    lines = code.split("\n")
    cut = next((index for index, line in enumerate(lines) if line.strip() == following), len(lines))
    return "\n".join(lines[:cut])
