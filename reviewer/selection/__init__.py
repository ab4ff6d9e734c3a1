"""Cuts a change into the units that are reviewed, and lists what is left out with its reason."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reviewer.selection import skipping, units

if TYPE_CHECKING:
    from reviewer.config import Settings
    from reviewer.diff import FileChange
    from reviewer.selection.source import ChangeSource
    from reviewer.selection.units import Selection


def select(source: ChangeSource, settings: Settings) -> Selection:
    """Select what the settings allow, as units of any length; ``units.fitted`` cuts them to a model's context."""

    def why_skipped(file: FileChange) -> str:
        if not settings.skip_generated:
            return ""
        read_base = source.read_old if source.strange else None
        return skipping.why(file, source.read, source.attributes.get(file.path, {}), read_base)

    return units.select(
        source.change,
        source.read,
        max_chars=sys.maxsize,
        include=settings.include,
        exclude=settings.exclude,
        skip=why_skipped,
        until=source.until,
    )
