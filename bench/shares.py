"""Shared by the benchmarks that judge findings: shares with their intervals, and a model's answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.asking.answers import Answerer
from reviewer.cache import AnswerCache, default_path
from reviewer.engine.manager import AIModelManager
from reviewer.evaluation.scoring import intervals
from reviewer.prompting.prompts import Prompts
from reviewer.terminal import live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reviewer.asking.answers import Answer
    from reviewer.config import Settings
    from reviewer.prompting.request import Request

Counts = Counter[str]


@dataclass(frozen=True)
class Share:
    """A part of a whole, with its 95% bootstrap interval; None where it cannot be told."""

    part: int
    whole: int
    interval: tuple[float, float] | None = None

    @property
    def value(self) -> float | None:
        """Between 0 and 1; None where the whole is empty."""
        return self.part / self.whole if self.whole else None

    def __str__(self) -> str:
        """Write it as ``61% (51 to 72), 51 of 83``."""
        if self.value is None:
            return "-"
        bounds = f" ({100 * self.interval[0]:.0f} to {100 * self.interval[1]:.0f})" if self.interval else ""
        return f"{100 * self.value:.0f}%{bounds}, {self.part} of {self.whole}"

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"value": self.value, "of": [self.part, self.whole], "interval": self.interval}


def shares(counted: Iterable[tuple[str, Counts]], measures: dict[str, tuple[str, str]]) -> dict[str, Share]:
    """Work out shares with intervals that are drawn over groups.

    Args:
        counted: Counts with the group that each belongs to; the counts of a group are drawn together.
        measures: The keys of the part and of the whole, by the name of the measure.
    """
    groups: dict[str, Counts] = {}
    for group, counts in counted:
        groups.setdefault(group, Counter()).update(counts)
    total = sum(groups.values(), Counts())

    def ratio(counts: Counts, pair: tuple[str, str]) -> float | None:
        return counts[pair[0]] / counts[pair[1]] if counts[pair[1]] else None

    bounds = intervals(
        list(groups.values()),
        {name: (lambda counts, pair=pair: ratio(counts, pair)) for name, pair in measures.items()},  # type: ignore[misc]
    )
    return {name: Share(total[part], total[whole], bounds[name]) for name, (part, whole) in measures.items()}


async def answered(
    settings: Settings, make: Callable[[Prompts], Sequence[Request]], *, known: bool
) -> list[Answer | None]:
    """Ask a model, or look up what an interrupted run has answered; None where there is no answer.

    Args:
        settings: Which model to ask.
        make: Makes the requests.
        known: Start no engine.
    """
    manager = AIModelManager(settings.model_config)
    profile = await manager.profile()
    requests = make(Prompts(profile, {}, finds=False))
    with live.progress() as progress:
        if not known:
            await manager.load_model(progress=progress)
        answerer = Answerer(manager, profile, cache=AnswerCache(default_path()), progress=progress)
        answers = [answerer.known(one) for one in requests] if known else await answerer.ask(requests)
    await manager.detach()
    return list(answers)
