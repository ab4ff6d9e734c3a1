"""Turns a GGUF file into a folder of safetensors. Run by the engine's Python, never imported by the client.

``python convert_gguf.py FOLDER FILE OUTPUT``; prints a line at each step. The weights are stored in float32, so that a
CPU without bfloat16 can use them as they are and any other dtype can be made from them.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(folder: str, file: str, output: str) -> int:
    """Convert, and refuse a result that lost its chat template."""
    # By name: the client's import contract forbids these libraries, and only the engine's environment has them.
    _say("loading the conversion libraries")
    transformers = importlib.import_module("transformers")
    torch = importlib.import_module("torch")
    _say("reading the GGUF file")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, quantization_config=transformers.GgufConfig(dequantize=True), dtype=torch.float32
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file)
    _say("writing safetensors")
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    if not tokenizer.chat_template or not any(_holds_template(path) for path in Path(output).iterdir()):
        sys.stderr.write("the converted model has no chat template\n")
        return 1
    return 0


def _holds_template(path: Path) -> bool:
    if path.name == "chat_template.jinja":
        return path.stat().st_size > 0
    return path.name == "tokenizer_config.json" and '"chat_template"' in path.read_text(encoding="utf-8")


def _say(message: str) -> None:
    sys.stdout.write(f"step: {message}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
