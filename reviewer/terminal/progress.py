"""The interface through which long operations report progress.

Library code calls a ``Progress``. The command line passes one that draws (``live.py``); the default is ``SILENT``.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of one long operation."""

    def step(self, message: str) -> None:
        """Begin a step, such as ``"loading the model"``."""

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Report progress of the step; ``total`` is None when unknown, ``unit`` is such as ``"B"`` or ``"hunks"``."""


class _Silent:
    def step(self, message: str) -> None:
        """Ignore it."""

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Ignore it."""


SILENT: Progress = _Silent()


class Both:
    """Passes everything on to two receivers."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._both = (first, second)

    def step(self, message: str) -> None:
        """Begin a step."""
        for one in self._both:
            one.step(message)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Report progress of the step."""
        for one in self._both:
            one.advance(done, total, unit)
