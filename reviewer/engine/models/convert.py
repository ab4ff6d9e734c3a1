"""Converts a model to a number format that vLLM loads, in a process of its own, so that its memory is given back.

Sources are a GGUF file or a folder of safetensors; neither torch nor transformers is needed.
``python -m reviewer.engine.models.convert SOURCE OUTPUT FORMAT`` is what ``run`` starts; it prints
``progress: DONE TOTAL`` (numbers written, numbers in all) and, when it fails, ``error: REASON``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reviewer.engine.install import child, disk
from reviewer.engine.models import gguf_tokenizer, quantize
from reviewer.errors import ModelSourceError, ReviewerError, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reviewer.engine.models.quantize import Format, Tensor
    from reviewer.terminal.progress import Progress

WEIGHTS = "model.safetensors"
MEMORY_BYTES = 400_000_000  # at most, for a model of any size (measured 0.31 GB for 1.5 billion weights)
_PROGRESS, _ERROR = "progress: ", "error: "
_PAUSE = 0.25  # seconds between two lines


class _Source(Protocol):
    def tensors(self, *, tied: bool) -> Iterator[Tensor]: ...

    def config(self, *, tied: bool) -> dict[str, Any]: ...


def run(source: Path, output: Path, form: Format, progress: Progress) -> None:
    """Convert in a child process.

    Args:
        source: A GGUF file, or a folder with ``config.json`` and safetensors.
        output: The folder to make; it must not exist. It is removed when this fails.
        form: The number format. On a processor without bfloat16 this is ``"float32"`` for the float formats.
        progress: Receives how much is written.

    Raises:
        ModelSourceError: The source cannot be converted, or the disk is full.
    """
    progress.step(f"converting the model to {form}")
    reasons: list[str] = []

    def on_line(line: str) -> None:
        if line.startswith(_PROGRESS):
            done, total = line.removeprefix(_PROGRESS).split()
            progress.advance(float(done), float(total), "weights")
        elif line.startswith(_ERROR):
            reasons.append(line.removeprefix(_ERROR))

    argv = [sys.executable, "-P", "-m", "reviewer.engine.models.convert", str(source), str(output), form]
    try:
        outcome = child.run(argv, env=os.environ, cwd=output.parent, on_line=on_line)
        if outcome.returncode != 0:
            reason = reasons[-1] if reasons else f"status {outcome.returncode}\n{outcome.quoted}"
            raise ModelSourceError(f"the model could not be converted: {reason}")
    except BaseException:
        disk.remove_tree(output)
        raise


def convert(source: Path, output: Path, form: Format, report: Callable[[int, int], None]) -> None:
    """Convert within this process; arguments as for ``run``.

    Raises:
        ModelSourceError: The architecture, the tokenizer or a tensor cannot be converted.
        ModelDamagedError: A file is not whole.
        OSError: Something cannot be read or written.
    """
    output.mkdir()
    if source.is_dir():
        from reviewer.engine.models.folder_model import FolderModel

        with FolderModel(source) as folder:
            folder.copy_texts(output)
            _write(folder, output, form, report)
    else:
        from reviewer.engine.models.gguf_file import GgufFile
        from reviewer.engine.models.gguf_model import GgufModel

        with GgufFile(source) as file:
            gguf_tokenizer.write(file.metadata, output)
            _write(GgufModel(file), output, form, report)


def _write(model: _Source, output: Path, form: Format, report: Callable[[int, int], None]) -> None:
    """Weights first: a folder without ``config.json`` is not mistaken for a model.

    The engine keeps a packed copy of the output layer in any case; stored apart from the embedding, it can be int8.
    """
    tied = form not in ("int8", "int4")
    quantize.write(model.tensors(tied=tied), output / WEIGHTS, form, report)
    config = model.config(tied=tied) | {"dtype": "float32" if form == "float32" else "bfloat16"}
    config.pop("torch_dtype", None)
    if form in ("int8", "int4"):
        config["quantization_config"] = quantize.quantization_config(form)
    (output / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main(source: str, output: str, form: str) -> int:
    """Convert, and say on standard output how far it is and why it failed."""
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _PAUSE:
            last = time.monotonic()
            _say(f"{_PROGRESS}{done} {total}")

    try:
        convert(Path(source), Path(output), quantize.parse(form), report)
    except (ReviewerError, OSError) as problem:
        _say(f"{_ERROR}{' '.join(in_words(problem).split())}")
        return 1
    except ImportError as problem:
        _say(f"{_ERROR}the package {problem.name} is missing")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
