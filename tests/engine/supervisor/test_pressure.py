from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from reviewer.engine.supervisor.pressure import LowMemory, TreeMemory, available_and_total

GB = 10**9


@pytest.mark.parametrize(
    ("threshold", "available", "total", "busy", "low"),
    [
        (None, 0.9, 8, False, True),  # 1 GB at least
        (None, 1.1, 8, False, False),
        (None, 5, 128, False, True),  # 5%
        (None, 7, 128, False, False),
        (None, 0.9, 8, True, False),  # busy: it may finish
        (None, 0.4, 8, True, True),
        (2 * GB, 1.5, 128, False, True),
        (0, 0, 8, False, False),
    ],
)
def test_what_is_low(threshold: int | None, available: float, total: float, busy: bool, low: bool) -> None:
    watch = LowMemory(threshold, seconds=5)
    for now in (0.0, 4.9):
        assert not watch.look(now, int(available * GB), int(total * GB), busy=busy), "not for long enough"
    assert watch.look(5.0, int(available * GB), int(total * GB), busy=busy) is low


def test_a_moment_of_relief_restarts_the_clock() -> None:
    watch = LowMemory(GB, seconds=5)
    assert not watch.look(0, 0, 8 * GB, busy=False)
    assert not watch.look(4, 2 * GB, 8 * GB, busy=False)
    assert not watch.look(6, 0, 8 * GB, busy=False)
    assert watch.look(11, 0, 8 * GB, busy=False)


def test_available_is_a_part_of_the_total() -> None:
    available, total = available_and_total()
    assert 0 < available <= total <= psutil.virtual_memory().total


def test_the_size_includes_children() -> None:
    memory = TreeMemory(limit_bytes=1)  # over it: exact each time
    before = memory.bytes()
    code = (
        "import time; x = bytearray(60_000_000); x[::4096] = b'x' * len(x[::4096]); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            child.stdout.readline()
            memory.forget()
            assert 55_000_000 < memory.bytes() - before < 120_000_000
            assert {one.pid for one in memory.processes()} >= {child.pid}
        finally:
            child.kill()


_GROWTH = """
import time
from reviewer.engine.supervisor.pressure import TreeMemory
memory = TreeMemory(limit_bytes=None)
first = memory.bytes()
held = bytearray(60_000_000)
held[::4096] = b"x" * len(held[::4096])
print(memory.bytes() - first)
started = time.process_time()
for _ in range(20):
    memory.bytes()
print(time.process_time() - started)
"""


def test_the_estimate_is_never_below_the_size() -> None:
    # In a process of its own: here, another test's child may end meanwhile and take its memory out of the sum.
    output = subprocess.run([sys.executable, "-c", _GROWTH], capture_output=True, text=True, check=True).stdout
    grown, seconds = map(float, output.split())
    assert 58_000_000 <= grown <= 80_000_000
    assert seconds < 2, "resident sizes only"
