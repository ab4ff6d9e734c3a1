"""What a repository asks of its reviews: its own templates and rules, and what it wants to hear no more of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reviewer.finding import Silence
    from reviewer.prompting.rules import Rule


@dataclass(frozen=True, slots=True)
class Customs:
    """A repository's own ways; none of it is trusted.

    Attributes:
        templates: Prompt templates by name, over the packaged ones.
        rules: What to watch for, added to the prompts of matching files.
        silences: Findings that nobody wants to hear of again (a baseline, dismissals), by fingerprint.
    """

    templates: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    silences: Mapping[str, Silence] = field(default_factory=dict)


NONE = Customs()
