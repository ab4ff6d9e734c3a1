"""A folder of safetensors as a source for quantization."""

from __future__ import annotations

import json
import shutil
import threading
from typing import IO, TYPE_CHECKING, Any

from reviewer.engine.models import safetensors
from reviewer.engine.models.quantize import EMBEDDING, HEAD, Tensor
from reviewer.errors import ModelDamagedError, ModelSourceError, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

# Decoders whose linear layers are all named ``…_proj`` and whose output layer may be stored apart from the embedding.
MODEL_TYPES = frozenset({"llama", "mistral", "qwen2", "qwen3", "granite"})
_TEXTS = (".json", ".txt", ".jinja", ".model")
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2}
_HEADER_LIMIT = 100_000_000  # the format's own bound


class FolderModel:
    """The tensors and the configuration of a model folder. Several threads may read rows at once.

    Args:
        folder: Holds ``config.json`` and safetensors.

    Raises:
        ModelSourceError: Its kind cannot be quantized, or it is quantized already.
        ModelDamagedError: A file is broken or missing.
        OSError: A file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = _json(folder / "config.json")
        kind = self._config.get("model_type")
        if kind not in MODEL_TYPES:
            raise ModelSourceError(f"models of the type {kind!r} cannot be quantized here")
        if "quantization_config" in self._config:
            raise ModelSourceError(f"{folder} is quantized already")
        self._lock = threading.Lock()
        self._files: list[IO[bytes]] = []
        self._tensors: dict[str, Tensor] = {}
        try:
            for path in safetensors.files(folder):
                self._add(path)
        except BaseException:
            self._close()
            raise
        if EMBEDDING not in self._tensors:
            self._close()
            raise ModelDamagedError(f"{folder} holds no {EMBEDDING}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def tensors(self, *, tied: bool) -> Iterator[Tensor]:
        """All tensors; the output layer is left out where it is the embedding and ``tied`` is true."""
        shared = self._tied
        for name, tensor in self._tensors.items():
            if name != HEAD:
                yield tensor
        if not shared:
            yield self._tensors[HEAD]
        elif not tied:
            embedding = self._tensors[EMBEDDING]
            yield Tensor(HEAD, embedding.shape, embedding.rows)

    def config(self, *, tied: bool) -> dict[str, Any]:
        """``config.json`` for the converted model, but for the number format."""
        return self._config | {"tie_word_embeddings": tied and self._tied}

    def copy_texts(self, output: Path) -> None:
        """Copy everything but weights and ``config.json``: tokenizer, chat template, licence."""
        left_out = ("config.json", safetensors.INDEX)
        for path in self._folder.iterdir():
            wanted = path.suffix in _TEXTS or path.stem in ("LICENSE", "NOTICE")
            if wanted and path.name not in left_out and path.is_file():
                shutil.copyfile(path, output / path.name)

    @property
    def _tied(self) -> bool:
        return HEAD not in self._tensors or bool(self._config.get("tie_word_embeddings", False))

    def _add(self, path: Path) -> None:
        file = path.open("rb")
        self._files.append(file)
        size = path.stat().st_size
        try:
            length = int.from_bytes(file.read(8), "little")
            if length > min(_HEADER_LIMIT, size - 8):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
            for name, entry in header.items():
                if name != "__metadata__":
                    self._tensors[name] = self._tensor(file, name, entry, 8 + length, size)
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise ModelDamagedError(f"{path}: {problem}") from problem

    def _tensor(self, file: IO[bytes], name: str, entry: dict[str, Any], data: int, size: int) -> Tensor:
        kind, shape = entry["dtype"], tuple(int(side) for side in entry["shape"])
        start, end = (data + int(offset) for offset in entry["data_offsets"])
        if kind not in _WIDTHS:
            raise ValueError(f"{name} is stored as {kind}, not as 16 or 32-bit floats")
        row_bytes = shape[-1] * _WIDTHS[kind]
        tensor = Tensor(
            name,
            shape,
            lambda first, last: self._rows(file, kind, start + first * row_bytes, (last - first, shape[-1])),
        )
        if end - start != tensor.height * row_bytes or end > size:
            raise ValueError(f"the data of {name} has another length than its shape")
        return tensor

    def _rows(self, file: IO[bytes], kind: str, offset: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        import numpy as np

        with self._lock:
            file.seek(offset)
            raw = file.read(shape[0] * shape[1] * _WIDTHS[kind])
        if kind == "BF16":
            bits = np.frombuffer(raw, dtype="<u2").astype(np.uint32) << np.uint32(16)
            return bits.view(np.float32).reshape(shape)
        return np.frombuffer(raw, dtype="<f4" if kind == "F32" else "<f2").astype(np.float32).reshape(shape)

    def _close(self) -> None:
        for file in self._files:
            file.close()


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ModelDamagedError(f"{path} cannot be read: {in_words(problem)}") from problem
    if not isinstance(document, dict):
        raise ModelDamagedError(f"{path} is not a JSON object")
    return document
