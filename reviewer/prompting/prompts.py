"""Writes the requests of a review, one for each unit and one for each piece of unfinished code.

The part that all units of a language share comes first, so that the engine's prefix cache serves it. The unit comes
last, between markers that its author cannot predict.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reviewer import assets
from reviewer.diff import LineKind, printable
from reviewer.engine import tasks
from reviewer.engine.special_tokens import SpecialTokens
from reviewer.languages import LANGUAGES
from reviewer.prompting.fence import marker
from reviewer.prompting.reply import EXPLANATION_ENDS, read_explanation, read_review, review_schema
from reviewer.prompting.request import CompletionReader, Request
from reviewer.prompting.rules import MAX_TOGETHER, holding, together
from reviewer.selection.evident import without_preamble
from reviewer.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.context import Extent, Piece
    from reviewer.engine.client.wire import Message
    from reviewer.engine.profile import ModelProfile
    from reviewer.prompting.rules import Rule
    from reviewer.selection.units import ReviewUnit
    from reviewer.unfinished.gaps import Gap

_SHOTS = "prompts/base/shots.toml"
# Two empty lines end a body: what a small model writes after them is of no use.
_AFTER_BODY = "\n\n\n"
# Even where the context has room for more: a model overlooks defects in a long unit.
_MAX_UNIT_CHARS = 12_000
_MAX_UNIT_CHARS_SMALL = 3_500
_MAX_CONTEXT_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One line as a template prints it.

    Attributes:
        number: The line's number in the new file if a finding may name it, else empty.
        kind: The sign.
        text: The text, without control characters.
    """

    number: str
    kind: LineKind
    text: str


class Prompts:
    """Writes the requests of one review.

    Args:
        profile: The model to ask.
        overrides: The repository's own templates by name.
        rules: The repository's own rules.
        finds: Whether to ask the model for findings, besides an explanation.

    Raises:
        TemplateError: An override does not compile; the message names file and line.
    """

    def __init__(
        self, profile: ModelProfile, overrides: Mapping[str, str], rules: Sequence[Rule] = (), *, finds: bool = True
    ) -> None:
        self._profile = profile
        self._finds = finds
        self._rules = tuple(rules)
        self._templates = Templates(overrides)
        self._templates.check()
        self._systems: dict[tuple[str, str, tuple[Rule, ...]], str] = {}

    @property
    def profile(self) -> ModelProfile:
        """The model to ask."""
        return self._profile

    @property
    def finds(self) -> bool:
        """Whether the model is asked for findings, besides an explanation."""
        return self._finds

    def render(self, name: str, **values: object) -> str:
        """Render a template of a request that is not about a unit.

        Raises:
            TemplateError: The template is wrong; the message names file and line.
        """
        return self._templates.render(name, **values).strip()

    @property
    def unit_chars(self) -> int:
        """Longest numbered rendering of one unit, in characters."""
        most = _MAX_UNIT_CHARS_SMALL if self._profile.few_shot else _MAX_UNIT_CHARS
        return max(400, min(most, self._free_chars))

    @property
    def extent(self) -> Extent:
        """How much code around a unit this model is shown by default."""
        # Measured (docs/evaluation.md): more code distracts a model that needs examples to stay on topic.
        return "none" if self._profile.few_shot else "scope"

    def room_beside(self, unit: ReviewUnit) -> int:
        """Characters that the unit's lines leave for the code beside it."""
        return max(0, min(int(_MAX_CONTEXT_SHARE * self.unit_chars), self._free_chars - unit.chars))

    @property
    def _free_chars(self) -> int:
        """Characters that the fixed parts of a prompt leave of the model's context."""
        fixed = sum(len(message["content"]) for message in self._shots) + 1_500
        # As if all rules applied to every unit.
        return self._profile.prompt_chars - fixed - min(MAX_TOGETHER, len(together(self._rules)))

    @property
    def _quotes(self) -> bool:
        return self._profile.bounds.quote_chars > 0

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """The sentences of the examples, to recognize a reply that copies them."""
        return tuple(
            sentence
            for shot in self._shot_data
            for sentence in (shot["reply"]["explanation"], *(f["message"] for f in shot["reply"]["findings"]))
        )

    def review(self, unit: ReviewUnit, pieces: Sequence[Piece] = ()) -> Request:
        """Write the request for one unit's review.

        Args:
            unit: The lines under review.
            pieces: The code to show beside them.
        """
        messages = (*self._prefix("review", unit), self._unit_message(unit, pieces))
        if not self._finds:
            return Request(
                messages=messages,
                schema=None,
                max_tokens=self._profile.explanation_reply_tokens,
                read=read_explanation,
                least_sure=self._profile.least_sure,
                # It would end an analysis, too.
                stop=() if self._profile.reasoning else EXPLANATION_ENDS,
            )
        return Request(
            messages=messages,
            schema=review_schema(unit.anchors, self._profile.bounds),
            max_tokens=self._profile.review_reply_tokens,
            read=read_review,
        )

    def complete(self, gap: Gap) -> Request:
        """Write the request for one piece of unfinished code."""
        task = tasks.CompletionTask(gap.language, printable(gap.before), printable(gap.after), gap.found.name)
        prefill, fim, placeholder = self._profile.prefill, self._profile.fim, printable(gap.placeholder)
        if fim is not None:
            special = SpecialTokens(self._profile.special_tokens)
            return Request(
                messages=(),
                schema=None,
                max_tokens=self._profile.reply_tokens(self._profile.bounds.code_chars),
                read=CompletionReader(task, tasks.indent_of(placeholder)),
                stop=fim.stops,
                raw=tasks.fim_prompt(task, fim, special, placeholder),
                optional=True,
            )
        return Request(
            messages=tasks.completion_messages(task, self._templates, placeholder=placeholder, prefill=prefill),
            schema=None,
            max_tokens=self._profile.reply_tokens(self._profile.bounds.code_chars),
            read=CompletionReader(task, tasks.indent_of(placeholder) if prefill else None),
            stop=(tasks.FENCE_END, _AFTER_BODY) if prefill else (),
            extra=tasks.PREFILLED if prefill else None,
            optional=True,
        )

    @cached_property
    def _shot_data(self) -> list[dict[str, Any]]:
        return list(tomllib.loads(assets.read(_SHOTS))["shot"]) if self._profile.few_shot else []

    @cached_property
    def _shots(self) -> tuple[Message, ...]:
        """The worked examples as turns of a conversation."""
        turns: list[Message] = []
        for shot in self._shot_data:
            lines = tuple(_shot_line(text) for text in shot["lines"])
            turns.append(self._render_unit(shot["path"], shot.get("scope", ""), lines))
            reply = _shot_reply(shot["reply"], lines, quotes=self._quotes, finds=self._finds)
            turns.append({"role": "assistant", "content": reply})
        return tuple(turns)

    def _prefix(self, task: str, unit: ReviewUnit) -> tuple[Message, ...]:
        language, rules = unit.language.name, holding(self._rules, unit.path, unit.language.name)
        system = self._systems.get((task, language, rules))
        if system is None:
            system = self._templates.render(
                f"{task}/{language}.j2",
                language=LANGUAGES[language],
                rules=printable(together(rules)),
                quotes=self._quotes,
                finds=self._finds,
            )
            self._systems[task, language, rules] = system
        return ({"role": "system", "content": system.strip()}, *self._shots)

    def _unit_message(self, unit: ReviewUnit, pieces: Sequence[Piece]) -> Message:
        anchors = frozenset(unit.anchors) if self._finds else frozenset()  # an explanation names no line
        lines = tuple(
            UnitLine(str(line.new) if line.new in anchors else "", line.kind, printable(line.text))
            for line in (unit.lines if self._finds else without_preamble(unit))
        )
        around = "\n".join(_written(piece) for piece in pieces)
        return self._render_unit(printable(unit.path), printable(unit.scope), lines, around)

    def _render_unit(self, path: str, scope: str, lines: tuple[UnitLine, ...], around: str = "") -> Message:
        body = "\n".join(f"{line.kind}{line.text}" for line in lines)
        fence = marker(path, f"{body}\n{around}" if around else body)
        content = self._templates.render(
            "base/unit.j2",
            path=path,
            scope=scope,
            lines=lines,
            marker=fence,
            context=around,
            shape="" if self._finds else _shape(lines),
        )
        return {"role": "user", "content": content.strip()}


def _shape(lines: Sequence[UnitLine]) -> str:
    """Which sides a change has: a small model calls every line added unless it is reminded."""
    kinds = {line.kind for line in lines if line.text.strip()}
    if LineKind.ADDED in kinds and LineKind.REMOVED in kinds:
        return "both"
    return "removed" if LineKind.REMOVED in kinds else "added"


def _written(piece: Piece) -> str:
    """Write one piece; a bar distinguishes its lines from those under review."""
    within = f", {printable(piece.name)}" if piece.name else ""
    lines = printable(piece.text).split("\n")
    return "\n".join((f"{printable(piece.path)}:{piece.line}{within}", *(f"| {line}".rstrip() for line in lines)))


def _shot_line(text: str) -> UnitLine:
    """Read one line of an example: number, sign and text, as in ``"27 +    return 0"``."""
    number, _, rest = text.partition(" ")
    return UnitLine(number, LineKind(rest[0]), rest[1:])


def _shot_reply(reply: dict[str, Any], lines: tuple[UnitLine, ...], *, quotes: bool, finds: bool) -> str:
    """The reply of an example, in the schema's order, with the parts that the schema has."""
    if not finds:
        return str(reply["explanation"])
    if quotes:
        texts = {line.number: line.text.strip() for line in lines}
        reply = {**reply, "findings": [{"quote": texts[str(one["line"])], **one} for one in reply["findings"]]}
    return json.dumps(reply, separators=(",", ":"))
