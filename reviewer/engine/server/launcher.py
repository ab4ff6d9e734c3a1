"""Serves a model as vLLM's own API server does, its imports paid once. Run by the engine's Python, never imported.

``python -I -u launcher.py FLAGS…``, the flags being those of ``vllm.entrypoints.openai.api_server``. On a CPU vLLM
starts an API server, a scheduler and a worker, each a new interpreter that imports torch, transformers and vLLM again.
Here the scheduler computes itself and is forked off the API server once all that is imported: two processes instead of
three, which share the pages of what they imported. Put together from vLLM's parts as vLLM 0.32's own entry point is.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

# Only the scheduler needs these; imported before it parts, their pages and objects are there when it starts.
_SCHEDULER_MODULES = ("vllm.v1.engine.core", "vllm.v1.executor.uniproc_executor", "vllm.v1.worker.cpu_worker")

_WARM_UP_VARIABLE = "REVIEWER_WARM_UP_SCHEMA"  # launch.py sets it


def main() -> None:
    """Read the flags and serve until told to stop."""
    gc.disable()  # imports make millions of objects that all stay: looking for garbage among them takes a second
    flags = _part("vllm.entrypoints.launchers.cli_args")
    _part("vllm.entrypoints.serve.utils.api_utils").cli_env_setup()
    parser = flags.make_arg_parser(_part("vllm.utils.argparse_utils").FlexibleArgumentParser())
    args = parser.parse_args()
    _part("vllm.logger").configure_logging_from_args(args)
    flags.validate_parsed_serve_args(args)
    # vLLM's setting for a scheduler that computes itself; on a CPU it must be there when the configuration is made.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    _part("uvloop").run(_serve(args))


async def _serve(args: Any) -> None:
    _part("vllm.utils.system_utils").decorate_logs("APIServer", skip_if_decorated=True)
    signal.signal(signal.SIGTERM, _interrupted)  # until the HTTP server brings its own handler
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
    warm_up = asyncio.create_task(_warm_up(engine))  # while the HTTP server is put together
    try:
        # Opened after the fork, or clients of an API server that died would wait at a socket that its child holds open.
        address, sock = _part("vllm.entrypoints.launchers.launcher").setup_server(args, reuse_port=False)
        try:
            await (await entry.build_and_serve(engine, address, sock, args))
        finally:
            sock.close()
    finally:
        warm_up.cancel()
        engine.shutdown(timeout=config.shutdown_timeout)


async def _warm_up(engine: Any) -> None:
    """Let it make one token under a schema like those to come.

    The first such request loads libraries, reads the vocabulary and compiles what all grammars share. It is left before
    its end, or it would count as a request that somebody has made. An engine that cannot is not ended for it; its log
    tells.
    """
    sampling = _part("vllm.sampling_params")
    schema = sampling.StructuredOutputsParams(json=json.loads(os.environ.get(_WARM_UP_VARIABLE, '{"type": "object"}')))
    asked = sampling.SamplingParams(max_tokens=8, structured_outputs=schema)
    async with aclosing(engine.generate("{", asked, "warm-up")) as pieces:
        async for _ in pieces:
            break


@contextmanager
def _forking(config: Any) -> Iterator[None]:
    """While this holds, vLLM forks its scheduler, with the threads and cores that it would give to a worker."""
    threads = _part("vllm.utils.ompmultiprocessing").OMPProcessManager(config)
    for name in _SCHEDULER_MODULES:
        _part(name)
    # The configuration of a CPU has just set it to "spawn".
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
    # A signal to the child would also wake the event loop of its parent, which takes it for its own.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    gc.freeze()  # or the first collection would touch, and so copy, every page that both processes share
    gc.enable()
    with threads.configure_omp_envs(rank=0, local_rank=0):
        yield


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt("terminated")


def _part(name: str) -> Any:
    # By name: the client's import contract forbids these libraries, and only the engine's environment has them.
    return importlib.import_module(name)


if __name__ == "__main__":
    main()
