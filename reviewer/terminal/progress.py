"""What a long step tells about itself, without knowing who listens.

Library code takes a ``Progress`` and calls it; the command line passes one that draws (``output.py``), everything
else uses ``SILENT``.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener for the steps of one long operation."""

    def step(self, message: str) -> None:
        """Say that a new step begins, such as ``"loading the model"``."""

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Say how far the step is; ``total`` is None when unknown, ``unit`` is such as ``"B"`` or ``"hunks"``."""


class _Silent:
    def step(self, message: str) -> None:
        """Drop it."""

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        """Drop it."""


SILENT: Progress = _Silent()
