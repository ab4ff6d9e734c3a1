"""What looking after an engine costs: the supervisor's memory, and the processor time it takes while nothing happens.

    python -m bench.supervisor [--seconds 60]

The engine is the tests' fake one, since the supervisor does the same for any; how long an engine's weight takes to be
read is measured on this process, made as large as an engine's worker.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from bench.common import machine, table, verdict
from reviewer import processes
from reviewer.engine.server.server import Server, ServerSpec
from tests.fake_engine import SERVED_NAME, Script

GOAL_MB = 40


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def weigh(size: int) -> list[float]:
    """Seconds to read the weight of a process of this size."""
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    values = []
    for _ in range(9):
        begin = time.perf_counter()
        processes.memory_bytes([psutil.Process()])
        values.append(time.perf_counter() - begin)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the idle engine is watched")
    seconds = parser.parse_args().seconds
    folder = Path(tempfile.mkdtemp(prefix="sup-"))
    spec = ServerSpec(
        argv=tuple(Script(children=3).argv(folder)), env={}, model="fake", served_name=SERVED_NAME, key="bench",
        memory_limit_bytes=8 * 10**9,
    )  # fmt: skip
    server = Server(spec, folder / "run")
    try:
        server.start()
        time.sleep(5)
        life = server.state(measure=False).life
        assert life is not None
        assert life.supervisor is not None
        assert life.pid is not None
        pid, begin_up = life.supervisor, cpu_seconds(life.supervisor)
        engine_before, begin = cpu_seconds(life.pid), time.monotonic()
        time.sleep(seconds)
        spent, elapsed = cpu_seconds(pid) - begin_up, time.monotonic() - begin
        engine = cpu_seconds(life.pid) - engine_before
        info = psutil.Process(pid).memory_full_info()
    finally:
        server.stop()
        shutil.rmtree(folder)
    weights = weigh(2 * 10**9)
    print(machine())
    print(
        table(
            [
                verdict("supervisor, resident MB", info.rss / 1e6, GOAL_MB),
                ("supervisor, proportional share", f"{info.pss / 1e6:.1f} MB"),
                ("its start, processor time", f"{begin_up:.2f} s"),
                ("idle, of one core", f"{spent / elapsed:.3%} over {elapsed:.0f} s"),
                ("what its questions cost the engine", f"{engine / elapsed:.3%} of one core"),
                ("weighing 2 GB of small pages", f"{statistics.median(weights) * 1000:.1f} ms"),
            ]
        )
    )


if __name__ == "__main__":
    main()
