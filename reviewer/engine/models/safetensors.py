"""Reads the headers of safetensors files, without loading tensors.

A file starts with the header's length (eight bytes, little endian), followed by the header, JSON: tensor name → dtype,
shape and the two offsets of its data. The safetensors project's README describes the format.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reviewer.errors import ModelDamagedError

FLOAT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
INDEX = "model.safetensors.index.json"

_HEADER_LIMIT = 100_000_000  # the format's own bound


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a model.

    Attributes:
        float_elements: Numbers stored as floats of 16 bits or more, which are loaded in the serving dtype.
        packed_bytes: Everything else: quantized blocks, 8-bit floats, indices, which are loaded as stored.
        integer_head: Whether the output matrix is stored in integers, apart from the embedding.
    """

    float_elements: int
    packed_bytes: int
    integer_head: bool = False

    def resident_bytes(self, dtype_bytes: int) -> int:
        """Bytes of the loaded weights in a dtype of that many bytes."""
        return self.float_elements * dtype_bytes + self.packed_bytes


def read(folder: Path) -> Weights:
    """Sum up the safetensors files of a model folder.

    Raises:
        ModelDamagedError: One is missing, truncated or has an invalid header, or there are none.
    """
    floats = packed = 0
    integer_head = False
    for path in files(folder):
        for name, dtype, elements, size in _tensors(path):
            integer_head |= name == "lm_head.weight" and dtype == "I8"
            if dtype in FLOAT_BYTES:
                floats += elements
            else:
                packed += size
    return Weights(floats, packed, integer_head)


def files(folder: Path) -> list[Path]:
    """The model's weight files: those of its index, or else every ``*.safetensors``."""
    index = folder / INDEX
    if index.is_file():
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise _damaged(index, "the index of the weight files cannot be read") from error
        if any(Path(name).name != name for name in names):
            raise _damaged(index, "the index names a file outside the model's folder")
        found = [folder / name for name in sorted(names)]
    else:
        # "consolidated" is a second copy of the weights in Mistral's repositories.
        found = sorted(p for p in folder.glob("*.safetensors") if not p.name.startswith("consolidated"))
        found = found or sorted(folder.glob("*.safetensors"))
    if not found:
        raise _damaged(folder, "no safetensors file")
    return found


def _tensors(path: Path) -> list[tuple[str, str, int, int]]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not len("{}") <= length <= min(_HEADER_LIMIT, size - 8):
                raise _damaged(path, "the header is longer than the file")
            header: dict[str, Any] = json.loads(file.read(length))
        rows = [(name, *_tensor(entry)) for name, entry in header.items() if name != "__metadata__"]
    except OSError as error:
        raise _damaged(path, "cannot be read") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, "the header is invalid") from error
    end = max((row[4] for row in rows), default=0)
    if 8 + length + end > size:
        raise _damaged(path, f"{size:,} bytes instead of {8 + length + end:,}")
    return [row[:4] for row in rows]


def _tensor(entry: dict[str, Any]) -> tuple[str, int, int, int]:
    start, end = (int(offset) for offset in entry["data_offsets"])
    if not 0 <= start <= end:
        raise ValueError("offsets out of order")
    return str(entry["dtype"]), math.prod(int(side) for side in entry["shape"]), end - start, end


def _damaged(path: Path, reason: str) -> ModelDamagedError:
    return ModelDamagedError(f"{path}: {reason}", hint="reviewer model verify lists every damaged file")
