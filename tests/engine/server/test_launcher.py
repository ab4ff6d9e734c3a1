"""The launcher with a stand-in for vLLM: what it sets when, and what its child inherits. The real one: engine_real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from reviewer.engine.planning import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the launcher forks, and is used on Linux only")

# Each part that the launcher takes from vLLM, small. `note` writes down what is seen at that moment.
_FAKES = {
    "notes": """
        import json, os
        WATCHED = ("VLLM_ENABLE_V1_MULTIPROCESSING", "VLLM_WORKER_MULTIPROC_METHOD", "OMP_NUM_THREADS")
        def note(what, **more):
            row = {"what": what, "pid": os.getpid(), **{name: os.environ.get(name) for name in WATCHED}, **more}
            with open(os.environ["NOTES"], "a") as file:
                file.write(json.dumps(row) + "\\n")
        """,
    "uvloop": """
        import asyncio, signal
        async def main(coroutine):
            # The real loop listens for signals from its start; this one does from the first handler.
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)
            await coroutine
        def run(coroutine): asyncio.run(main(coroutine))
        """,
    "vllm.logger": "def configure_logging_from_args(args): pass",
    "vllm.sampling_params": "SamplingParams = dict",
    "vllm.utils.argparse_utils": "from argparse import ArgumentParser as FlexibleArgumentParser",
    "vllm.utils.system_utils": "def decorate_logs(name, skip_if_decorated): pass",
    "vllm.usage.usage_lib": "class UsageContext: OPENAI_API_SERVER = 'server'",
    "vllm.entrypoints.serve.utils.api_utils": "def cli_env_setup(): pass",
    "vllm.entrypoints.launchers.cli_args": """
        def make_arg_parser(parser):
            parser.add_argument("--model")
            return parser
        def validate_parsed_serve_args(args): assert args.model == "m"
        """,
    "vllm.engine.arg_utils": """
        import os
        from notes import note
        class Parallel: world_size = int(os.environ.get("FAKE_WORLD", "1"))
        class Text: tie_word_embeddings = "FAKE_TIED" in os.environ
        class Model:
            model = os.environ.get("FAKE_MODEL", "m")
            hf_text_config = Text
        class Config:
            shutdown_timeout = 0
            parallel_config = Parallel
            model_config = Model
        class AsyncEngineArgs:
            enable_log_requests = aggregate_engine_logging = disable_log_stats = False
            @classmethod
            def from_cli_args(cls, args): return cls()
            def create_engine_config(self, usage_context):
                note("configuration")
                os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
                return Config()
        """,
    "vllm.utils.ompmultiprocessing": """
        import os
        from contextlib import contextmanager
        class OMPProcessManager:
            def __init__(self, config): pass
            @contextmanager
            def configure_omp_envs(self, rank, local_rank):
                os.environ["OMP_NUM_THREADS"] = "2"
                yield
                del os.environ["OMP_NUM_THREADS"]
        """,
    "torch.cpu": "from notes import note\ndef _init_amx(): note('tiles')",
    "safetensors": """
        import json
        from contextlib import contextmanager
        class Tensors(dict):
            def get_tensor(self, name): return Rows(self[name])
        class Rows:
            def __init__(self, values): self.values, self.shape, self.dtype = values, (len(values), 1), "bfloat16"
            def __len__(self): return len(self.values)
            def __getitem__(self, rows): return Rows(self.values[rows])
            def __eq__(self, other): return Rows([a == b for a, b in zip(self.values, other.values, strict=True)])
            def all(self): return all(self.values)
        @contextmanager
        def safe_open(file, framework): yield Tensors(json.loads(file.read_text()))
        """,
    "vllm.model_executor.layers.vocab_parallel_embedding": """
        class ParallelLMHead: pass
        class UnquantizedEmbeddingMethod:
            def process_weights_after_loading(self, layer): layer.packed = True
        """,
    "torch.distributed": """
        def init_process_group(backend, rank): return "world", backend, rank
        def new_group(ranks, backend): return ranks, backend
        """,
    "torch.testing._internal.distributed.fake_pg": "",
    "vllm.v1.engine.core": "",
    "vllm.v1.executor.uniproc_executor": "",
    "vllm.v1.worker.cpu_worker": """
        class CPUWorker:
            def compile_or_warm_up_model(self): return 1.5
        """,
    "vllm.v1.engine.async_llm": """
        import gc, multiprocessing, os, signal, sys, time
        from notes import note
        def schedule():
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
            wakeup = signal.set_wakeup_fd(-1)
            signal.set_wakeup_fd(wakeup)
            note("scheduler", wakeup=wakeup, imported="vllm.v1.worker.cpu_worker" in sys.modules)
            from torch import distributed
            note("groups", world=distributed.init_process_group(backend="gloo", rank=0),
                 one=distributed.new_group([0], backend="gloo"))
            from safetensors import Rows
            from vllm.model_executor.layers import vocab_parallel_embedding as layers
            from vllm.v1.worker.cpu_worker import CPUWorker
            class Embedding:
                def __init__(self): self.weight, self.packed = Rows([1, 2, 3]), False
            class Head(Embedding, layers.ParallelLMHead): pass
            made = [Embedding(), Head()]
            for layer in made:
                layers.UnquantizedEmbeddingMethod().process_weights_after_loading(layer)
            note("loaded", packed=[layer.packed for layer in made],
                 mapped=[hasattr(layer.weight, "data") for layer in made],
                 warm_up=CPUWorker().compile_or_warm_up_model())
            time.sleep(60)
        class AsyncLLM:
            @classmethod
            def from_vllm_config(cls, **_):
                engine = cls()
                context = multiprocessing.get_context(os.environ["VLLM_WORKER_MULTIPROC_METHOD"])
                engine.child = context.Process(target=schedule, daemon=True)
                engine.child.start()
                if os.environ.get("FAKE_HANGS"):
                    note("hanging")
                    time.sleep(60)
                note("engine", gc=gc.isenabled(), child=engine.child.pid)
                return engine
            async def generate(self, prompt, params, request_id):
                note("warm-up", **params)
                try:
                    yield
                except GeneratorExit:
                    note("left")
                    raise
                note("counted as a request")
            def shutdown(self, timeout):
                self.child.terminate()
                self.child.join()
                note("shutdown")
        """,
    "vllm.entrypoints.launchers.launcher": """
        import socket
        from notes import note
        def setup_server(args, reuse_port):
            note("socket")
            return "here", socket.socket()
        """,
    "vllm.entrypoints.launchers.api_server.entry": """
        import asyncio, signal
        from notes import note
        async def build_and_serve(engine, address, sock, args):
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            await asyncio.sleep(0)
            note("serving")
            await stop.wait()
            async def done(): note("served")
            return done()
        """,
}


class Launched:
    """The launcher as a process, and what its stand-ins noted."""

    def __init__(self, folder: Path, **env: str) -> None:
        parts = folder / "parts"
        for name, source in _FAKES.items():
            file = parts / (name.replace(".", "/") + ".py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(source), encoding="utf-8")
        self._notes = folder / "notes"
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", launch.server_command(Path(), "0.32.0", "cpu")[-1], "--model", "m"],
                env={**os.environ, "PYTHONPATH": str(parts), "NOTES": str(self._notes), **env},
                stdout=log,
                stderr=log,
            )

    def wait_for(self, what: str) -> dict[str, dict[str, Any]]:
        """Everything that was noted, by its name, as soon as ``what`` is."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            lines = self._notes.read_text(encoding="utf-8").splitlines() if self._notes.exists() else []
            noted: dict[str, dict[str, Any]] = {row["what"]: row for row in map(json.loads, lines)}
            if what in noted:
                return noted
            time.sleep(0.02)
        raise AssertionError(self._log.read_text(encoding="utf-8"))


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    made: list[Launched] = []

    def make(**env: str) -> Launched:
        made.append(Launched(tmp_path, **env))
        return made[-1]

    yield make
    for each in made:
        each.process.kill()
        each.process.wait()


def test_scheduler_is_forked_with_a_workers_threads(launched: Callable[..., Launched]) -> None:
    server = launched()
    server.wait_for("scheduler")
    noted = server.wait_for("serving")
    assert next(iter(noted)) == "configuration"
    assert noted["configuration"]["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    scheduler = noted["scheduler"]
    assert scheduler["VLLM_WORKER_MULTIPROC_METHOD"] == "fork"
    assert scheduler["imported"]
    assert scheduler["OMP_NUM_THREADS"] == "2"
    assert noted["serving"]["OMP_NUM_THREADS"] is None, "the API server computes nothing"
    assert scheduler["wakeup"] == -1, "its signals would reach the event loop of its parent"
    assert noted["engine"]["gc"]


@pytest.mark.parametrize(("world", "backend"), [("1", "fake"), ("2", "gloo")])
def test_only_a_world_of_several_processes_has_a_network(
    launched: Callable[..., Launched], world: str, backend: str
) -> None:
    groups = launched(FAKE_WORLD=world).wait_for("groups")["groups"]
    assert groups["world"] == ["world", backend, 0]
    assert groups["one"] == [[0], backend]


@pytest.mark.parametrize(
    ("stored", "tied", "packed"),
    [
        pytest.param([1, 2, 3], False, [False, True], id="as it was read"),
        pytest.param([1, 2, 3], True, [True, True], id="also the output matrix"),
        pytest.param([1, 2, 4], False, [True, True], id="changed while it was read"),
        pytest.param([1, 2], False, [True, True], id="padded"),
        pytest.param(None, False, [True, True], id="not there"),
    ],
)
def test_embedding_stays_in_the_models_file(
    launched: Callable[..., Launched], tmp_path: Path, stored: list[int] | None, packed: list[bool], *, tied: bool
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    if stored is not None:
        tensors = {"model.norm.weight": [0], "model.embed_tokens.weight": stored}
        (model / "model.safetensors").write_text(json.dumps(tensors), encoding="utf-8")
    env = {"FAKE_MODEL": str(model)} | ({"FAKE_TIED": "1"} if tied else {})
    noted = launched(**env).wait_for("loaded")
    assert "tiles" in noted, "int8 kernels end with an illegal instruction without them"
    loaded = noted["loaded"]
    assert loaded["packed"] == packed
    assert loaded["mapped"] == [not each for each in packed]
    assert loaded["warm_up"] == 1.5


def test_socket_is_opened_after_the_fork_and_a_signal_ends_both(launched: Callable[..., Launched]) -> None:
    server = launched()
    server.wait_for("scheduler")
    noted = server.wait_for("serving")
    order = [name for name in noted if name not in ("scheduler", "groups", "tiles", "loaded")]
    assert order == ["configuration", "engine", "socket", "warm-up", "left", "serving"]
    assert "structured_outputs" not in noted["warm-up"], "most requests of a review have no schema"
    server.process.terminate()
    assert server.process.wait(30) == 0
    noted = server.wait_for("shutdown")
    assert list(noted)[-2:] == ["served", "shutdown"]
    assert not psutil.pid_exists(noted["engine"]["child"])


def test_signal_to_the_scheduler_leaves_the_server_alone(launched: Callable[..., Launched]) -> None:
    server = launched()
    server.wait_for("scheduler")
    noted = server.wait_for("serving")
    os.kill(noted["engine"]["child"], signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(1)
    assert "served" not in server.wait_for("serving")


def test_signal_while_loading_ends_it(launched: Callable[..., Launched]) -> None:
    server = launched(FAKE_HANGS="1")
    noted = server.wait_for("hanging")
    server.process.terminate()
    assert server.process.wait(30) != 0
    assert "socket" not in noted


@pytest.mark.parametrize(
    ("version", "device", "ours"),
    [("0.32.0", "cpu", True), ("0.32.1", "cpu", True), ("0.33.0", "cpu", False), ("0.32.0", "cuda", False)],
)
def test_other_vllm_and_gpus_get_the_module(version: str, device: str, *, ours: bool) -> None:
    command = launch.server_command(Path("python"), version, device)
    assert ("-I" in command) == ours
    assert (command[1:] == ("-m", "vllm.entrypoints.openai.api_server")) != ours
