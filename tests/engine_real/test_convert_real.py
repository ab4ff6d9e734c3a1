"""What the client makes of a GGUF file is what transformers makes of it: weights, tokens, chat template."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.engine.models import convert, embedded, embedded_file
from reviewer.terminal.progress import SILENT
from tests.conftest import PROJECT
from tests.engine_real.conftest import _KEPT, _as_the_user

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.embedded import EmbeddedModel

pytestmark = pytest.mark.real_engine

# Asked of the engine's Python: folder and name of the GGUF file, the converted folder, a file of texts.
_COMPARE = r"""
import json, sys, unicodedata
import torch, transformers
from safetensors.torch import load_file
from tokenizers import pre_tokenizers
folder, name, converted, texts = sys.argv[1:]
texts = json.load(open(texts, encoding="utf-8"))
theirs = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
ours = transformers.AutoTokenizer.from_pretrained(converted)
def differing(texts):
    return [text[:40] for text in texts if theirs(text)["input_ids"] != ours(text)["input_ids"]]
def plain(text):
    return "".join("x" if unicodedata.category(letter).startswith("N") else letter for letter in text)
answer = {"without digits": differing([plain(text) for text in texts])}
# transformers does not know the rule "smollm" by its name: each digit is a word of its own.
theirs.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
answer["with digits"] = differing(texts)
answer["tokens"] = sum(len(ours(text)["input_ids"]) for text in texts)
answer["decoded"] = [text[:40] for text in texts if ours.decode(ours(text)["input_ids"]) != text]
chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 6 * 7?"}]
answer["chat"] = [t.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for t in (theirs, ours)]
answer["special"] = [[t.bos_token_id, t.eos_token_id, t.pad_token_id, t.all_special_ids] for t in (theirs, ours)]
model = transformers.AutoModelForCausalLM.from_pretrained(
    folder, gguf_file=name, dtype=torch.float32, quantization_config=transformers.GgufConfig(dequantize=True)
)
weights, state = load_file(converted + "/model.safetensors"), model.state_dict()
state.pop("lm_head.weight")
unequal = [name for name in weights if not torch.equal(weights[name], state[name])]
answer["weights"] = [sorted(weights.keys() ^ state.keys()), unequal]
def config(model):
    keys = "hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads vocab_size head_dim"
    values = {key: getattr(model, key) for key in keys.split()}
    return values | {"rope": model.rope_parameters["rope_theta"], "eps": round(model.rms_norm_eps, 9)}
answer["config"] = [config(model.config), config(transformers.AutoConfig.from_pretrained(converted))]
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def gguf() -> Path:
    """The smallest embedded model's GGUF file, fetched once per machine."""
    with _as_the_user(_KEPT):
        return embedded_file.fetch(_smallest(), _KEPT / "gguf", SILENT)


def _smallest() -> EmbeddedModel:
    return min(embedded.models(), key=lambda model: model.bytes)


def _texts() -> list[str]:
    sources = [path.read_text(encoding="utf-8") for path in sorted((PROJECT / "reviewer").rglob("*.py"))]
    odd = [
        "",
        "   ",
        "\t\t  \r\n\r\n x",
        "I'm WE'LL",
        "naïve 日本語のテキスト 한국어 🎉👩‍👩‍👧\u200b\u00a0y",
        "1234.5e-10 ½ ³ \uff11\uff12",
    ]
    special = ["<|im_start|>user\nhi<|im_end|>\n", "<|endoftext|><repo_name>a<file_sep>b"]
    return [*sources, *odd, *special]


def test_the_client_converts_as_transformers_does(gguf: Path, engine_python: Path, tmp_path: Path) -> None:
    converted, texts = tmp_path / "converted", tmp_path / "texts.json"
    convert.run(gguf, converted, "float32", SILENT)
    texts.write_text(json.dumps(_texts()), encoding="utf-8")
    argv = [str(engine_python), "-I", "-c", _COMPARE, str(gguf.parent), gguf.name, str(converted), str(texts)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={"HF_HUB_OFFLINE": "1", "PATH": ""})
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert answer["tokens"] > 100_000
    assert (answer["without digits"], answer["with digits"], answer["decoded"]) == ([], [], [])
    assert answer["weights"] == [[], []]
    for name in ("chat", "special", "config"):
        assert answer[name][0] == answer[name][1]
    assert "incorrect regex" not in done.stderr
