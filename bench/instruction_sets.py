"""Memory, pace and perplexity of one model in several number formats, on the instruction sets a processor can pretend.

    python bench/instruction_sets.py --python ENGINE_PYTHON --code FOLDER --results FILE SET:DTYPE:MODEL_FOLDER…
    python bench/instruction_sets.py --results FILE

Each ``SET:DTYPE:MODEL_FOLDER`` starts our launcher once, with ``SET`` one of amx, avx512 or avx2. A processor that has
more is told to do without: oneDNN and ATen by their variables, vLLM by what torch answers about the processor, which
decides the library and the kernels it takes. MKL is not told, so the last two are approximations. What is taken:

* memory: PSS of the process tree when it answers, idle;
* prefill: tokens of a prompt of code read in a second;
* decode: tokens written in a second, one request alone and eight together, from the first token on;
* perplexity of the first tokens of the largest files of ``--code``, in windows;
* with ``--eval CASES``, what `reviewer eval CASES --explanations` says of the engine: the share of units with an
  explanation that is shown, and chrF with the reference. Name the embedded model whose weights these are by ``--name``.

Results are appended to ``--results``, and a table of all of them is printed. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
from common import machine, table
from serving import REVIEWER, tcp_relay

from reviewer.engine.client.endpoint import Endpoint
from reviewer.engine.planning import launch

if TYPE_CHECKING:
    from collections.abc import Iterator

SETS = {
    "amx": ({}, ()),
    "avx512": (
        {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI", "ATEN_CPU_CAPABILITY": "avx512"},
        ("_is_amx_tile_supported", "_is_avx512_bf16_supported", "_init_amx"),
    ),
    "avx2": (
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
        (
            *("_is_amx_tile_supported", "_is_avx512_bf16_supported", "_is_avx512_supported"),
            *("_is_vnni_supported", "_init_amx"),
        ),
    ),
}
START_SECONDS = 900
PROMPT_TOKENS, REPLY_TOKENS, TOGETHER = 1024, 32, 8
WINDOWS, WINDOW_TOKENS = 8, 256


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="the engine's Python")
    parser.add_argument("--code", type=Path, help="a folder with source files")
    parser.add_argument("--results", type=Path, required=True, help="a file of results, one line for each case")
    parser.add_argument("--eval", type=Path, metavar="CASES", help="cases for `reviewer eval --explanations`")
    parser.add_argument("--sample", type=int, default=40, help="how many of them")
    parser.add_argument("--name", default="qwen2.5-coder-1.5b-instruct-gguf", help="the model's name in the catalog")
    parser.add_argument("cases", nargs="*", metavar="SET:DTYPE:MODEL_FOLDER")
    options = parser.parse_args()
    for case in options.cases:
        processor, dtype, folder = case.split(":", 2)
        result = measure(options, processor, dtype, Path(folder))
        with options.results.open("a") as file:
            file.write(json.dumps({"set": processor, "dtype": dtype, "model": Path(folder).name, **result}) + "\n")
    print(machine())
    print(table([_row(json.loads(line)) for line in options.results.read_text().splitlines()]))
    return 0


def measure(options: argparse.Namespace, processor: str, dtype: str, model: Path) -> dict[str, float]:
    """Start an engine and take everything from it."""
    began = time.monotonic()
    with serving(options.python, processor, dtype, model, options.name) as (process, socket):
        found = {"ready": time.monotonic() - began, "memory": float(_pss(process))}
        found |= asyncio.run(_asked(socket, _texts(options.code)))
        if options.eval:
            found |= evaluated(socket, options.eval, options.sample, options.name)
        return found


def evaluated(socket: str, cases: Path, sample: int, name: str) -> dict[str, float]:
    """What `reviewer eval` says of the explanations of the engine at this socket."""
    flags = ["--explanations", "--sample", str(sample), "--jobs", str(TOGETHER), "--json", "--model", name]
    with (
        tempfile.TemporaryDirectory(prefix="is-eval-") as folder,
        tcp_relay(Endpoint("http://engine", uds=Path(socket))) as url,
    ):
        env = os.environ | {"REVIEWER_HOME": folder}  # no answers of earlier runs
        results = ["--results", f"{folder}/results.jsonl"]
        run = [*REVIEWER, "eval", str(cases), *flags, "--url", url, *results]
        began = time.monotonic()
        output = subprocess.run(run, env=env, cwd=folder, capture_output=True, text=True, check=True).stdout
        seconds = time.monotonic() - began
    measures = json.loads(output)["models"][0]["measures"]
    shown, chrf = measures["explained"], measures["chrf"]["value"]
    return {"explained": shown["part"], "units": shown["whole"], "chrf": chrf, "eval_seconds": seconds}


@contextmanager
def serving(python: Path, processor: str, dtype: str, model: Path, name: str) -> Iterator[tuple[psutil.Process, str]]:
    """The engine as the reviewer starts it, on that instruction set."""
    variables, without = SETS[processor]
    launcher = launch.server_command(python, "0.32.0", "cpu")[-1]
    code = "import runpy, sys, torch.cpu as t\n" + "".join(f"t.{name} = lambda: False\n" for name in without)
    code += f"sys.argv[0] = {launcher!r}\nrunpy.run_path({launcher!r}, run_name='__main__')\n"
    with tempfile.TemporaryDirectory(prefix="is-") as folder:
        socket = f"{folder}/s"
        flags = ["--model", str(model), "--served-model-name", "m", name, "--dtype", dtype, "--max-model-len", "2048"]
        flags += ["--max-num-seqs", "8", "--max-num-batched-tokens", "2048", "--generation-config", "vllm"]
        flags += ["--kv-cache-memory-bytes", "600000000", "--block-size", "32", "--enforce-eager", "--uds", socket]
        preload = python.parent.parent / "lib" / "libiomp5.so"
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
        env |= {"LD_PRELOAD": str(preload), "VLLM_CPU_NUM_OF_RESERVED_CPU": "0", "HF_HUB_OFFLINE": "1"}
        with Path(folder, "log").open("wb") as log:
            process = psutil.Popen([python, "-I", "-u", "-c", code, *flags], env=env, stdout=log, stderr=log)
            try:
                _wait(process, socket, Path(folder, "log"))
                yield process, socket
            finally:
                process.terminate()
                process.wait()


def _wait(process: psutil.Popen, socket: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with httpx.Client(transport=httpx.HTTPTransport(uds=socket), base_url="http://engine") as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get("/health").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
    raise RuntimeError(f"the engine did not start:\n{log.read_text()[-3000:]}")


def _pss(process: psutil.Process) -> int:
    tree = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in tree)


def _texts(code: Path) -> list[str]:
    files = sorted(code.rglob("*.py"), key=lambda file: -file.stat().st_size)
    return [file.read_text(encoding="utf-8", errors="replace") for file in files[:WINDOWS]]


async def _asked(socket: str, texts: list[str]) -> dict[str, float]:
    transport = httpx.AsyncHTTPTransport(uds=socket)
    async with httpx.AsyncClient(transport=transport, base_url="http://engine", timeout=900) as client:
        tokens = [await _tokens(client, text) for text in texts]
        await _reply(client, tokens[0][:64], 4)  # the first request of all loads libraries
        prefill = [await _prefill(client, each) for each in tokens[:3]]
        alone = await _decode(client, tokens[:1])
        together = await _decode(client, (tokens * TOGETHER)[:TOGETHER])
        losses = [loss for each in tokens for loss in await _losses(client, each)]
    return {
        "prefill": statistics.median(prefill),
        "alone": alone,
        "together": together,
        "perplexity": math.exp(statistics.fmean(losses)),
    }


async def _tokens(client: httpx.AsyncClient, text: str) -> list[int]:
    answer = await client.post("/tokenize", json={"model": "m", "prompt": text[:20_000]})
    found: list[int] = answer.raise_for_status().json()["tokens"]
    return found


async def _prefill(client: httpx.AsyncClient, tokens: list[int]) -> float:
    seconds = await _reply(client, tokens[-PROMPT_TOKENS:], 1)
    return len(tokens[-PROMPT_TOKENS:]) / seconds


async def _decode(client: httpx.AsyncClient, prompts: list[list[int]]) -> float:
    """Tokens a second after the first one: two lengths of reply differ by nothing else."""
    starts = [each[at : at + 32] for at, each in enumerate(prompts)]
    seconds = []
    for length in (1, 1 + REPLY_TOKENS):
        began = time.perf_counter()
        await asyncio.gather(*(_reply(client, each, length) for each in starts))
        seconds.append(time.perf_counter() - began)
    return REPLY_TOKENS * len(prompts) / (seconds[1] - seconds[0])


async def _reply(client: httpx.AsyncClient, prompt: list[int], length: int) -> float:
    began = time.perf_counter()
    body = {"model": "m", "prompt": prompt, "max_tokens": length, "ignore_eos": True, "temperature": 0}
    (await client.post("/v1/completions", json=body)).raise_for_status()
    return time.perf_counter() - began


async def _losses(client: httpx.AsyncClient, tokens: list[int]) -> list[float]:
    window = tokens[:WINDOW_TOKENS]
    body: dict[str, Any] = {"model": "m", "prompt": window, "max_tokens": 1, "prompt_logprobs": 0}
    answer = (await client.post("/v1/completions", json=body)).raise_for_status().json()
    rows = answer["choices"][0]["prompt_logprobs"][1:]
    return [-row[str(token)]["logprob"] for row, token in zip(rows, window[1:], strict=True)]


def _row(result: dict[str, Any]) -> tuple[str, str]:
    figures: tuple[str, ...] = (
        f"{result['memory'] / 10**9:.2f} GB",
        f"prefill {result['prefill']:.0f}",
        f"decode {result['alone']:.1f} alone and {result['together']:.1f} together",
        f"perplexity {result['perplexity']:.3f}",
        f"ready {result['ready']:.0f} s",
    )
    if "units" in result:
        figures += (
            f"explained {result['explained']:.0f} of {result['units']:.0f} units, chrF {result['chrf']:.1f}",
            f"in {result['eval_seconds']:.0f} s",
        )
    return f"{result['set']}, {result['model']} in {result['dtype']}", ", ".join(figures)


if __name__ == "__main__":
    sys.exit(main())
