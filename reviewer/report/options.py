"""What a caller may ask of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reviewer.errors import ExitCode
    from reviewer.finding import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """How to render one review; formats take what concerns them.

    Attributes:
        width: Columns of the terminal (text).
        color: Whether to colour (text).
        ascii: Whether the stream can show ASCII only (text).
        show_explanations: Whether to say what each unit does; without it, a clean review is one line.
        fail_on: The least severity that fails; None is no gate.
        verdict: The exit code that was decided; None lets the gate decide from ``fail_on``.
        advisory: Whether the verdict stops nothing, as in the advisory hook.
        offers: Whether ``reviewer apply`` and ``reviewer dismiss`` know this review's ids (text).
        seconds: Wall time of the whole command; None shows the time that the answers took.
    """

    width: int = 80
    color: bool = False
    ascii: bool = False
    show_explanations: bool = True
    fail_on: Severity | None = None
    verdict: ExitCode | None = None
    advisory: bool = False
    offers: bool = False
    seconds: float | None = None
