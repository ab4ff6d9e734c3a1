"""Number formats for weights, and the loop that brings a model's tensors into one of them.

``int8`` is W8A8: every output channel has a scale of its own, ``max(abs(row)) / 127``, and weights are rounded to the
nearest step; the engine quantizes activations for each token as it runs. ``int4`` is W4A16: groups of 32 inputs with a
scale and a zero point each. Both need no calibration data. They are stored as the ``compressed-tensors`` library does
(formats ``int-quantized`` and ``pack-quantized``), which vLLM loads.

Memory stays bounded: tensors are taken in slices of a few million numbers, however large they are.
"""

from __future__ import annotations

import math
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from reviewer.engine.models.safetensors_writer import Entry, SafetensorsWriter
from reviewer.errors import ModelSourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Format = Literal["bfloat16", "float32", "int8", "int4"]
FORMATS: tuple[Format, ...] = get_args(Format)

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"

GROUP = 32  # inputs that share a scale in int4
_PACKED = 8  # int4 numbers in an int32
_SLICE = 1 << 20  # numbers that a thread takes at once
_THREADS = 2
_INT8_MAX = 127
_INT4_MAX = 15
_ROWS = 32  # the engine's int4 kernel takes outputs by so many
_BFLOAT16_ONE = 0x3F80

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that can be read in slices.

    Attributes:
        name: Its name in the model's safetensors.
        shape: Its shape.
        rows: From ``start`` and ``stop`` to float32 of shape (stop - start, columns); a vector is one row.
    """

    name: str
    shape: tuple[int, ...]
    rows: Callable[[int, int], NDArray[np.float32]]

    @property
    def height(self) -> int:
        """How many rows it has; a vector is one."""
        return math.prod(self.shape[:-1])


@dataclass(frozen=True, slots=True)
class _Storage:
    """How a tensor is stored.

    Attributes:
        entries: From name and shape to the entries that hold its numbers; a slice of its rows is a slice of each.
        encode: From rows to one array for each of these entries.
        notes: From name and shape to further entries, which are known beforehand.
    """

    entries: Callable[[str, Shape], tuple[Entry, ...]]
    encode: Callable[[NDArray[np.float32]], tuple[NDArray[Any], ...]]
    notes: Callable[[str, Shape], tuple[tuple[Entry, bytes], ...]] = lambda _name, _shape: ()


def write(
    tensors: Iterable[Tensor],
    path: Path,
    form: Format,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write a safetensors file in one of the formats.

    Args:
        tensors: The model's. Linear layers are those named ``…_proj.weight``; they and the output layer take the
            format's integers, all else bfloat16 (float32 in the format of that name).
        path: The file, which must not exist.
        form: The format.
        report: Called with the number of values written and their total.

    Raises:
        OSError: The file cannot be written.
        ReviewerError: A tensor cannot be read.
    """
    plan = [(tensor, storage_of(tensor, form)) for tensor in tensors]
    notes = [note for tensor, storage in plan for note in storage.notes(tensor.name, tensor.shape)]
    entries = [entry for tensor, storage in plan for entry in storage.entries(tensor.name, tensor.shape)]
    total = sum(math.prod(tensor.shape) for tensor, _ in plan)
    entries += [entry for entry, _ in notes]
    with SafetensorsWriter(path, entries) as writer, ThreadPoolExecutor(_THREADS, "convert") as pool:
        for entry, data in notes:
            writer.write(entry.name, 0, data)
        done = 0
        pending: set[Future[int]] = set()
        try:
            for tensor, storage in plan:
                for start, stop in _slices(tensor):
                    pending.add(pool.submit(_convert, writer, tensor, storage, start, stop))
                    if len(pending) > 2 * _THREADS:
                        finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                        done += sum(future.result() for future in finished)
                        report(done, total)
            done += sum(future.result() for future in pending)
            report(done, total)
        except BaseException:
            for future in pending:
                future.cancel()
            raise


def parse(text: str) -> Format:
    """The format of that name.

    Raises:
        ModelSourceError: There is none.
    """
    if text not in FORMATS:
        raise ModelSourceError(f"{text!r} is not one of the formats {', '.join(FORMATS)}")
    return text


def storage_of(tensor: Tensor, form: Format) -> _Storage:
    """How one tensor is stored in a format."""
    if form == "float32":
        return _FLOAT32
    if form == "bfloat16" or len(tensor.shape) != 2:  # noqa: PLR2004 - a matrix
        return _BFLOAT16
    if tensor.name == HEAD:
        return _INT8
    if tensor.name.endswith("_proj.weight"):
        return _INT8 if form == "int8" else _INT4
    return _BFLOAT16


def quantization_config(form: Literal["int8", "int4"]) -> dict[str, Any]:
    """The entry ``quantization_config`` of ``config.json``. The output layer is int8 in both formats."""
    eight = {
        "format": "int-quantized",
        "weights": _numbers(8, "channel", symmetric=True, dynamic=False),
        "input_activations": _numbers(8, "token", symmetric=True, dynamic=True),
    }
    groups: dict[str, Any] = {"group_0": {"targets": ["Linear", "lm_head"], **eight}}
    if form == "int4":
        four = _numbers(4, "group", symmetric=False, dynamic=False) | {"group_size": GROUP}
        groups = {
            "group_0": {"targets": ["Linear"], "format": "pack-quantized", "weights": four},
            "group_1": {"targets": ["lm_head"], **eight},
        }
    return {
        "quant_method": "compressed-tensors",
        "format": "int-quantized" if form == "int8" else "mixed-precision",
        "quantization_status": "compressed",
        "ignore": [],
        "config_groups": groups,
    }


def _numbers(bits: int, strategy: str, *, symmetric: bool, dynamic: bool) -> dict[str, Any]:
    return {"num_bits": bits, "type": "int", "symmetric": symmetric, "strategy": strategy, "dynamic": dynamic}


def _convert(writer: SafetensorsWriter, tensor: Tensor, storage: _Storage, start: int, stop: int) -> int:
    values = tensor.rows(start, stop)
    size = values.size
    entries = storage.entries(tensor.name, tensor.shape)
    for entry, data in zip(entries, storage.encode(values), strict=True):
        writer.write(entry.name, entry.nbytes * start // tensor.height, data.data)
    return size


def _slices(tensor: Tensor) -> Iterable[tuple[int, int]]:
    """Row ranges of about ``_SLICE`` numbers; their bounds are multiples of what int4 packs along the rows."""
    step = max(_PACKED, _SLICE // tensor.shape[-1] // _PACKED * _PACKED)
    return ((start, min(start + step, tensor.height)) for start in range(0, tensor.height, step))


def _plain(dtype: str) -> Callable[[str, Shape], tuple[Entry, ...]]:
    return lambda name, shape: (Entry(name, dtype, shape),)


def _int8_entries(name: str, shape: Shape) -> tuple[Entry, ...]:
    return Entry(name, "I8", shape), Entry(f"{name}_scale", "F32", (shape[0], 1))


def _int4_entries(name: str, shape: Shape) -> tuple[Entry, ...]:
    height, width = shape
    if height % _ROWS or width % GROUP:
        raise ModelSourceError(f"{name} has the shape {height} x {width}, which int4 cannot be packed from")
    stem = name.removesuffix("weight")
    return (
        Entry(f"{stem}weight_packed", "I32", (height, width // _PACKED)),
        Entry(f"{stem}weight_scale", "BF16", (height, width // GROUP)),
        Entry(f"{stem}weight_zero_point", "I32", (height // _PACKED, width // GROUP)),
    )


def _int4_notes(name: str, shape: Shape) -> tuple[tuple[Entry, bytes], ...]:
    entry = Entry(f"{name.removesuffix('weight')}weight_shape", "I64", (2,))
    return ((entry, b"".join(side.to_bytes(8, "little") for side in shape)),)


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves, rounded to the nearest, ties to even; numpy has no such type."""
    import numpy as np

    bits = values.view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    odd += np.uint32(0x7FFF)
    odd += bits
    odd >>= np.uint32(16)
    return odd.astype(np.uint16)


def _int8(values: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
    import numpy as np

    scale = np.maximum(values.max(axis=1, keepdims=True), -values.min(axis=1, keepdims=True)) / np.float32(_INT8_MAX)
    scale[scale == 0] = 1  # a row of zeros
    steps = values / scale
    np.rint(steps, out=steps)
    return steps.astype(np.int8), scale


def _int4(values: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
    """Zero is always representable, so that it stays exactly zero; scales are rounded to what is stored first."""
    import numpy as np

    height = values.shape[0]
    groups = values.reshape(height, -1, GROUP)
    low = np.minimum(groups.min(axis=2), 0)
    high = np.maximum(groups.max(axis=2), 0)
    stored = _bfloat16((high - low) / np.float32(_INT4_MAX))
    stored[stored == 0] = _BFLOAT16_ONE
    scale = (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    zero = np.clip(np.rint(-low / scale), 0, _INT4_MAX)
    steps = np.rint(groups / scale[:, :, None])
    steps += zero[:, :, None]
    np.clip(steps, 0, _INT4_MAX, out=steps)
    packed = _pack(steps.reshape(height, -1, _PACKED), axis=2)
    zeros = _pack(zero.reshape(height // _PACKED, _PACKED, -1), axis=1)
    return packed, stored, zeros


def _pack(steps: NDArray[np.float32], axis: int) -> NDArray[np.uint32]:
    """Eight numbers of four bits in each 32 bits, the first in the lowest."""
    import numpy as np

    parts: NDArray[np.uint32] = np.moveaxis(steps.astype(np.uint32), axis, 0)
    packed: NDArray[np.uint32] = parts[0].copy()
    for place in range(1, _PACKED):
        packed |= parts[place] << np.uint32(4 * place)
    return packed


_FLOAT32 = _Storage(_plain("F32"), lambda values: (values,))
_BFLOAT16 = _Storage(_plain("BF16"), lambda values: (_bfloat16(values),))
_INT8 = _Storage(_int8_entries, _int8)
_INT4 = _Storage(_int4_entries, _int4, _int4_notes)
