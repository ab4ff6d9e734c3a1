"""Converts model files, in a process of its own so that its memory goes back to the system.

``python -m reviewer.engine.models.convert SOURCE OUTPUT FORMAT``: SOURCE is a GGUF file or a folder of safetensors;
lines ``progress: DONE TOTAL`` say how many numbers are written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer.engine.models import gguf_tokenizer, quantize
from reviewer.engine.models.gguf_file import GgufFile
from reviewer.engine.models.gguf_model import GgufModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.engine.models.quantize import Format

_WEIGHTS = "model.safetensors"


def convert_gguf(
    source: Path, output: Path, form: Format, report: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Convert a GGUF file within this process; ``output`` is a new folder.

    Raises:
        ModelSourceError: The file's architecture or tokenizer cannot be converted.
        ModelDamagedError: The file is not a whole GGUF file.
        OSError: Something cannot be read or written.
    """
    output.mkdir()
    with GgufFile(source) as file:
        model = GgufModel(file)
        # The engine packs the output layer in any case; apart from the embedding it can be packed as int8.
        tied = form in ("bfloat16", "float32")
        config = model.config(tied=tied) | {"dtype": "float32" if form == "float32" else "bfloat16"}
        quantization = quantize.quantization_config(form, head=True)
        if quantization:
            config["quantization_config"] = quantization
        for name, key in (("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")):
            config[name] = file.metadata.get(f"tokenizer.ggml.{key}_token_id")
        gguf_tokenizer.write(file.metadata, output)
        quantize.write(model.tensors(tied=tied), output / _WEIGHTS, form, report)
    _write_json(output / "config.json", config)


def _write_json(path: Path, contents: dict[str, Any]) -> None:
    path.write_text(json.dumps(contents, indent=2) + "\n", encoding="utf-8")


def main(source: str, output: str, form: Format) -> int:
    def report(done: int, total: int) -> None:
        sys.stdout.write(f"progress: {done} {total}\n")
        sys.stdout.flush()
    convert_gguf(Path(source), Path(output), form, report)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # type: ignore[arg-type]
