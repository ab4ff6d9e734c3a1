"""Causes and advice found in the logs of engines that failed.

``failures/*.log`` are the outputs of vLLM 0.32.0 made to fail on purpose, without informational lines.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from reviewer.engine.server.failures import explain, plain, what_to_do
from reviewer.errors import EngineStartError

LOGS = Path(__file__).parent / "failures"


@pytest.mark.parametrize(
    ("name", "cause", "todo"),
    [
        ("badflag", "api_server.py: error: unrecognized arguments: --no-such-flag", "different version"),
        ("nodir", "Repo id must be in the form", "reviewer model install"),
        ("emptydir", "Invalid repository ID or local directory specified: '/models/empty'.", "reviewer model verify"),
        ("noweights", "RuntimeError: Cannot find any model weights with `/models/nomodel`", "reviewer model verify"),
        ("toolong", "User-specified max_model_len (999999) is greater than the derived", "lower max_model_len"),
        ("badquant", "RuntimeError: _C::static_scaled_fp8_quant() expected at most 0", None),
        ("port", "OSError: [Errno 98] Address already in use", "another program uses the port"),
        ("oomkill", "Worker proc VllmWorker-0 died unexpectedly", "out of memory"),
    ],
)
def test_real_log(name: str, cause: str, todo: str | None) -> None:
    failure = explain((LOGS / f"{name}.log").read_text(encoding="utf-8").splitlines(), 1)
    assert cause in failure.cause
    assert (failure.todo is None) if todo is None else (todo in (failure.todo or ""))
    assert failure.lines == (), "the cause was found, so nothing else needs quoting"


@pytest.mark.parametrize(
    ("line", "todo"),
    [
        ("OSError: [Errno 28] No space left on device: '/tmp/vllm_dist'", "disk space"),
        ("RuntimeError: unable to write to file </torch_1>: No space left on device (28)", "/dev/shm"),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 5 has a total",
            "the GPU has too little memory",
        ),
        (
            "ValueError: Free memory on device cuda:0 (3.1/24.0 GiB) on startup is less than desired GPU",
            "the GPU has too little memory",
        ),
        ("ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`", "KV cache"),
        (
            (
                "ValueError: To serve at least one request with the models's max seq len (8192), (0.9 GiB KV cache is "
                "needed, which is larger than the available KV cache memory (0.5 GiB)."
            ),
            "KV cache",
        ),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory",
            "enough memory",
        ),
        ("OSError: [Errno 12] Cannot allocate memory", "enough memory"),
        ("MemoryError", "enough memory"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "enough memory"),
        ("OSError: [Errno 98] Address already in use", "uses the port"),
        ("ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0.", "number format"),
        ("ValueError: torch.bfloat16 is not supported for quantization method gptq.", "number format"),
        ("Illegal instruction (core dumped)", "this CPU lacks"),
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "NVIDIA driver"),
        ("ImportError: libcudart.so.13: cannot open shared object file: No such file or directory", "system library"),
        ("ImportError: /lib/libc.so.6: version `GLIBC_2.38' not found (required by _C.abi3.so)", "system library"),
        ("ModuleNotFoundError: No module named 'vllm'", "reviewer engine install"),
        ("RuntimeError: operator torchvision::nms does not exist", "reviewer engine install"),
        ("safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata", "model verify"),
        ("ValueError: Model architectures ['FooForCausalLM'] are not supported for now.", "architecture"),
        ("PermissionError: [Errno 13] Permission denied: '/models/x'", "check its owner"),
        ("OSError: [Errno 24] Too many open files", "ulimit"),
    ],
)
def test_symptom(line: str, todo: str) -> None:
    failure = explain([line, "RuntimeError: Engine core initialization failed. See root cause above."], 1)
    assert failure.cause == line
    assert todo in (failure.todo or "")


def test_warnings_of_a_healthy_engine_are_no_symptoms() -> None:
    lines = [
        (
            "(APIServer pid=1) WARNING 11-23 07:55:12 [system_utils.py:255] Found ulimit of 20000 and failed. "
            "This can cause fd limit errors like `OSError: [Errno 24] Too many open files`."
        ),
        "(APIServer pid=1) INFO 11-23 07:55:12 [x.py:1] out of memory is what this is not",
        "ValueError: something new",
    ]
    assert explain(lines, 1).cause == "ValueError: something new"
    assert explain(lines, 1).todo is None


def test_colours_prefixes_and_control_characters_are_taken_off() -> None:
    line = (
        "\x1b[1;36m(EngineCore pid=7)\x1b[0;0m ERROR 11-23 08:31:12 [core.py:9] ValueError: bad \x1b[31mred\x07 thing"
    )
    assert explain([line], 1).cause == "ValueError: bad red thing"
    assert plain("\x1b]0;title\x07a 10%\rb 20%\x1b[K") == "b 20%"


@pytest.mark.parametrize(
    ("status", "cause", "todo"),
    [
        (-9, "signal 9", "out of memory"),
        (-signal.SIGILL, "illegal instruction", "this CPU lacks"),
        (-signal.SIGSEGV, "crashed", "reviewer engine install"),
        (-250, "signal 250", None),
        (3, "exit status 3", None),
        (None, "the process is gone", None),
    ],
)
def test_silent_death_is_explained_by_the_exit_status(status: int | None, cause: str, todo: str | None) -> None:
    failure = explain(["INFO: all is well"], status)
    assert cause in failure.cause
    assert (failure.todo is None) if todo is None else (todo in (failure.todo or ""))


def test_silent_death_of_a_worker_suggests_memory() -> None:
    lines = [
        (
            "(EngineCore pid=2) ERROR 11-23 08:37:24 [core.py:1510] Exception: WorkerProc initialization failed due "
            "to an exception in a background process. See stack trace for root cause."
        ),
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    ]
    failure = explain(lines, 1)
    assert "without an error message" in failure.cause
    assert "out of memory" in (failure.todo or "")


def test_last_lines_are_quoted_without_a_cause() -> None:
    lines = [f"line {number}" for number in range(20)] + ["  warnings.warn(", "", "y" * 900]
    failure = explain(lines, 5)
    assert failure.lines[:2] == ("line 13", "line 14")
    assert len(failure.lines[-1]) <= 500
    error = failure.error("it died", Path("/logs/x.log"))
    assert isinstance(error, EngineStartError)
    assert error.message.startswith("it died: exit status 5\n  line 13\n")
    assert error.hint == "see the log: /logs/x.log"


def test_empty_log() -> None:
    assert explain([], None).lines == ()
    assert what_to_do("all is well") is None
