"""Serves a model as vLLM's API server does, but imports vLLM once. Run by the engine's Python, never imported.

``python -I -u launcher.py FLAGS…`` takes the flags of ``vllm.entrypoints.openai.api_server``. On a CPU vLLM starts an
API server, a scheduler and a worker, each a new interpreter that imports torch, transformers and vLLM. Here the
scheduler does the worker's job and is forked off the API server after the imports: two processes instead of three,
which share the imported pages. It is composed of vLLM's parts as vLLM 0.32's own entry point is.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import gc
import importlib
import os
import signal
import sys
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Only the scheduler needs these; importing them before the fork shares their pages.
_SCHEDULER_MODULES = ("vllm.v1.engine.core", "vllm.v1.executor.uniproc_executor", "vllm.v1.worker.cpu_worker")


def main() -> None:
    """Read the flags and serve until stopped."""
    gc.disable()  # imports make millions of lasting objects; searching them for garbage takes a second
    flags = _part("vllm.entrypoints.launchers.cli_args")
    _part("vllm.entrypoints.serve.utils.api_utils").cli_env_setup()
    parser = flags.make_arg_parser(_part("vllm.utils.argparse_utils").FlexibleArgumentParser())
    args = parser.parse_args()
    _part("vllm.logger").configure_logging_from_args(args)
    flags.validate_parsed_serve_args(args)
    # vLLM's setting for a scheduler without workers; on a CPU it must be set before the configuration is made.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    _part("uvloop").run(_serve(args))


async def _serve(args: Any) -> None:
    _part("vllm.utils.system_utils").decorate_logs("APIServer", skip_if_decorated=True)
    signal.signal(signal.SIGTERM, _interrupted)  # until the HTTP server installs its own handler
    entry = _part("vllm.entrypoints.launchers.api_server.entry")
    usage = _part("vllm.usage.usage_lib").UsageContext.OPENAI_API_SERVER
    engine_args = _part("vllm.engine.arg_utils").AsyncEngineArgs.from_cli_args(args)
    config = engine_args.create_engine_config(usage_context=usage)
    with _forking(config):
        engine = _part("vllm.v1.engine.async_llm").AsyncLLM.from_vllm_config(
            vllm_config=config,
            usage_context=usage,
            enable_log_requests=engine_args.enable_log_requests,
            aggregate_engine_logging=engine_args.aggregate_engine_logging,
            disable_log_stats=engine_args.disable_log_stats,
        )
    warm_up = asyncio.create_task(_warm_up(engine))  # while the HTTP server is being built
    try:
        # Opened after the fork: the child would keep the socket of a dead API server open, and clients would hang.
        address, sock = _part("vllm.entrypoints.launchers.launcher").setup_server(args, reuse_port=False)
        try:
            await (await entry.build_and_serve(engine, address, sock, args))
        finally:
            sock.close()
    finally:
        warm_up.cancel()
        engine.shutdown(timeout=config.shutdown_timeout)


async def _warm_up(engine: Any) -> None:
    """Decode one token, without a schema, as explanations, fixes and completions are.

    The first request loads libraries and allocates. It is aborted after one token so that it does not count as a
    request. A failure is logged and otherwise ignored.
    """
    asked = _part("vllm.sampling_params").SamplingParams(max_tokens=8)
    async with aclosing(engine.generate("{", asked, "warm-up")) as pieces:
        async for _ in pieces:
            break
    _trim()


@contextmanager
def _forking(config: Any) -> Iterator[None]:
    """Make vLLM fork its scheduler, with the threads and cores that it would give to a worker."""
    threads = _part("vllm.utils.ompmultiprocessing").OMPProcessManager(config)
    for name in _SCHEDULER_MODULES:
        _part(name)
    if config.parallel_config.world_size == 1:
        _without_network()
        _spare_memory(config.model_config)
    # The CPU configuration has just set it to "spawn".
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
    # A signal to the child would also reach the parent's event loop.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    gc.freeze()  # the first collection would write to, and so copy, every shared page
    gc.enable()
    with threads.configure_omp_envs(rank=0, local_rank=0):
        yield


def _without_network() -> None:
    """Let process groups use torch's backend without communication instead of gloo.

    Each gloo group listens on a TCP port, and vLLM makes thirteen. In a world of one process a collective operation
    returns what it was given, and vLLM skips most of them.
    """
    _part("torch.testing._internal.distributed.fake_pg")  # registers the backend
    distributed = _part("torch.distributed")
    for name in ("init_process_group", "new_group"):
        setattr(distributed, name, functools.partial(_without_gloo, getattr(distributed, name)))


def _without_gloo(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return make(*args, **options | {"backend": "fake"})


def _spare_memory(model: Any) -> None:
    """Leave the embedding in the model's file, and return what loading leaves free to the system.

    vLLM keeps an embedding as read and once more packed for multiplying; only a tied model multiplies with it. Looking
    up rows needs neither copy: a mapped file has them, and the kernel may drop its pages where memory is short.
    """
    # oneDNN would ask the kernel for the processor's tiles when it packs; the int8 kernels use them without asking.
    _part("torch.cpu")._init_amx()  # noqa: SLF001 - torch has no public way to ask
    worker = _part("vllm.v1.worker.cpu_worker").CPUWorker
    worker.compile_or_warm_up_model = _trimmed(worker.compile_or_warm_up_model)
    if not model.hf_text_config.tie_word_embeddings:
        layers = _part("vllm.model_executor.layers.vocab_parallel_embedding")
        method = layers.UnquantizedEmbeddingMethod
        pack = method.process_weights_after_loading

        def map_or_pack(self: Any, layer: Any) -> None:
            stored = None if isinstance(layer, layers.ParallelLMHead) else _mapped(Path(model.model), layer.weight)
            if stored is None:
                pack(self, layer)
            else:
                layer.weight.data = stored

        method.process_weights_after_loading = map_or_pack


def _mapped(folder: Path, embedding: Any) -> Any | None:
    """The tensor of the model's files that an embedding was read from, mapped; None if it was read in another form."""
    for file in sorted(folder.glob("*.safetensors")):
        with _part("safetensors").safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                if name.endswith("embed_tokens.weight"):
                    stored = tensors.get_tensor(name)
                    return stored if _alike(stored, embedding) else None
    return None


def _alike(stored: Any, read: Any) -> bool:
    # Some rows are enough: whoever pads, scales or converts an embedding does so everywhere.
    some = slice(None, None, max(1, len(read) // 8))
    return stored.shape == read.shape and stored.dtype == read.dtype and bool((stored[some] == read[some]).all())


def _trimmed(warm_up: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(warm_up)
    def wrapper(*args: Any, **options: Any) -> Any:
        result = warm_up(*args, **options)
        _trim()
        return result

    return wrapper


def _trim() -> None:
    gc.collect()
    if sys.platform == "linux":
        with suppress(AttributeError):  # a C library other than glibc
            ctypes.CDLL(None).malloc_trim(0)


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt("terminated")


def _part(name: str) -> Any:
    # By name: only the engine's environment has these libraries, and the client must not import them.
    return importlib.import_module(name)


if __name__ == "__main__":
    main()
