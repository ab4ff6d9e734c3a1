"""Writes a safetensors file piece by piece, so that no tensor has to be in memory as a whole.

The format is described in the safetensors project's README: eight bytes with the header's length, the header as JSON,
then the data of all tensors without gaps.
"""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from _typeshed import ReadableBuffer

WIDTHS = {"F32": 4, "BF16": 2, "I8": 1, "I32": 4, "I64": 8}
_ALIGNMENT = 8  # of the data, so that it can be mapped


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor to be written: its name, a key of ``WIDTHS``, its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size of its data."""
        return math.prod(self.shape) * WIDTHS[self.dtype]


class SafetensorsWriter:
    """A new file with room for all ``entries``. Several threads may write at once.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, path: Path, entries: Sequence[Entry]) -> None:
        header: dict[str, object] = {"__metadata__": {"format": "pt"}}  # readers look for it
        self._starts: dict[str, int] = {}
        end = 0
        for entry in entries:
            self._starts[entry.name] = end
            header[entry.name] = {
                "dtype": entry.dtype,
                "shape": list(entry.shape),
                "data_offsets": [end, end + entry.nbytes],
            }
            end += entry.nbytes
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % _ALIGNMENT)
        self._data = 8 + len(text)
        self._lock = threading.Lock()
        self._file = path.open("wb")
        self._file.write(len(text).to_bytes(8, "little") + text)
        self._file.truncate(self._data + end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, name: str, offset: int, data: ReadableBuffer) -> None:
        """Put ``data`` at ``offset`` bytes from the beginning of the tensor ``name``."""
        with self._lock:
            self._file.seek(self._data + self._starts[name] + offset)
            self._file.write(data)
