"""Reads GGUF files: the metadata, the table of tensors, and rows of one tensor as float32.

The package ``gguf`` has a reader, too; for a vocabulary of 150,000 tokens it takes ten seconds, because it makes a
memory map of every string. This one takes half a second. Blocks are still decoded by that package.

The format is described in ggml's ``docs/gguf.md``. Every length in the file is checked against the file's size before
anything is allocated.
"""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer.errors import ModelDamagedError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
# Value types of the metadata, as codes of ``struct``.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_HEADER_LIMIT = 256 << 20  # bytes; the largest known vocabularies take 20 MB
_DIMENSIONS_LIMIT = 4
_ALIGNMENT = 32  # where the file names none


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One entry of the table of tensors.

    Attributes:
        name: Its name in GGUF's own scheme, such as ``blk.0.attn_q.weight``.
        shape: Outermost dimension first, as numpy has it (the file stores them the other way round).
        type: Number of its storage type (``ggml_type``).
        offset: Where its data begins in the file.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int


class GgufFile:
    """An open GGUF file. Several threads may read rows at once.

    Args:
        path: The file.

    Raises:
        ModelDamagedError: It is not a GGUF file, is cut short, or has lengths that do not fit it.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        self._lock = threading.Lock()
        try:
            size = path.stat().st_size
            self.metadata, self.tensors = _Header(self._file.read(min(size, _HEADER_LIMIT))).parse()
            for tensor in self.tensors.values():
                if tensor.offset + _stored_bytes(tensor) > size:
                    raise ValueError(f"the tensor {tensor.name} ends beyond the end of the file")
        except (ValueError, struct.error, KeyError, TypeError, OverflowError) as problem:
            self._file.close()
            raise ModelDamagedError(f"{path} is not a usable GGUF file: {problem}") from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def bits_per_weight(self, name: str) -> float:
        """How many bits the file spends on a number of this tensor."""
        elements, size = _block(self.tensors[name].type)
        return 8 * size / elements

    def rows(self, name: str, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop`` of a tensor, of shape (stop - start, columns); a vector is one row."""
        import numpy as np

        tensor = self.tensors[name]
        columns = tensor.shape[-1]
        elements, size = _block(tensor.type)
        row_bytes = columns // elements * size
        raw = np.empty((stop - start) * row_bytes, dtype=np.uint8)
        with self._lock:
            self._file.seek(tensor.offset + start * row_bytes)
            if self._file.readinto(raw.data) != raw.nbytes:
                raise ModelDamagedError(f"{self.path} ends within the tensor {name}")
        return _decoded(raw, tensor.type, size).reshape(stop - start, columns)


class _Header:
    """A cursor over the part of the file in front of the tensors' data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def parse(self) -> tuple[dict[str, Any], dict[str, GgufTensor]]:
        """Metadata and tensors, by name."""
        if self._data[:4] != _MAGIC:
            raise ValueError("it does not begin with the magic bytes")
        self._at = 4
        version, tensor_count, metadata_count = self._scalars("IQQ")
        if version not in _VERSIONS:
            raise ValueError(f"version {version} of the format is not supported")
        metadata = {}
        for _ in range(metadata_count):
            key = self._string()
            metadata[key] = self._value(self._scalars("I")[0])
        entries = [self._entry() for _ in range(tensor_count)]
        alignment = metadata.get("general.alignment", _ALIGNMENT)
        start = -(-self._at // alignment) * alignment
        return metadata, {e.name: GgufTensor(e.name, e.shape, e.type, start + e.offset) for e in entries}

    def _entry(self) -> GgufTensor:
        name = self._string()
        dimensions = self._scalars("I")[0]
        if not 1 <= dimensions <= _DIMENSIONS_LIMIT:
            raise ValueError(f"the tensor {name} has {dimensions} dimensions")
        shape = self._scalars(f"{dimensions}Q")
        kind, offset = self._scalars("IQ")
        return GgufTensor(name, tuple(reversed(shape)), kind, offset)

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            element, count = self._scalars("IQ")
            if count > len(self._data) - self._at:  # an element takes a byte at least
                raise ValueError("an array is longer than the file")
            if element == _STRING:
                return [self._string() for _ in range(count)]
            return list(self._scalars(f"{count}{_SCALARS[element]}"))
        return self._scalars(_SCALARS[kind])[0]

    def _scalars(self, codes: str) -> tuple[Any, ...]:
        form = f"<{codes}"
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def _string(self) -> str:
        (length,) = struct.unpack_from("<Q", self._data, self._at)
        start = self._at + 8
        if length > len(self._data) - start:
            raise ValueError("a string is longer than the file")
        self._at = start + length
        return self._data[start : self._at].decode("utf-8")


def _block(kind: int) -> tuple[int, int]:
    """Numbers in a block of this storage type, and bytes that it takes."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    return GGML_QUANT_SIZES[GGMLQuantizationType(kind)]


def _stored_bytes(tensor: GgufTensor) -> int:
    elements, size = _block(tensor.type)
    total = 1
    for side in tensor.shape:
        total *= side
    if tensor.shape[-1] % elements:
        raise ValueError(f"a row of the tensor {tensor.name} is not a whole number of blocks")
    return total // elements * size


def _decoded(raw: NDArray[np.uint8], kind: int, size: int) -> NDArray[np.float32]:
    import numpy as np
    from gguf import quants
    from gguf.constants import GGMLQuantizationType

    name = GGMLQuantizationType(kind).name
    if name == "F32":
        return raw.view(np.float32)
    if name == "F16":
        return raw.view(np.float16).astype(np.float32)
    decoder = getattr(quants, name, None)
    if decoder is None:
        raise ModelDamagedError(f"the storage type {name} cannot be decoded")
    # The public ``dequantize`` takes 16 rows at a time, which is four times slower and keeps a second thread waiting.
    decoded: NDArray[np.float32] = decoder.dequantize_blocks(raw.reshape(-1, size))
    return decoded
