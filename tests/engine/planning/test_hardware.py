from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.planning import cgroup, hardware
from reviewer.engine.planning.hardware import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SMI = "0, GPU-aa, NVIDIA GeForce RTX 4090, 24564, 23028, 8.9\n1, GPU-bb, NVIDIA H100 80GB HBM3, 81559, 81000, 9.0\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def answers(table: dict[str, str]) -> hardware.Run:
    """A runner that knows commands by a word in them; everything else is missing."""

    def run(argv: Sequence[str]) -> str | None:
        return next((text for word, text in table.items() if any(word in part for part in argv)), None)

    return run


# cgroup v2


@pytest.mark.parametrize(
    ("files", "limit", "available"),
    [
        pytest.param({"sys/fs/cgroup/memory.max": "max\n"}, None, None, id="unlimited"),
        pytest.param(
            {"sys/fs/cgroup/memory.max": "4000\n", "sys/fs/cgroup/memory.current": "1000\n"}, 4000, 3000, id="container"
        ),
        pytest.param(
            {
                "sys/fs/cgroup/memory.max": "4000\n",
                "sys/fs/cgroup/memory.current": "3500\n",
                "sys/fs/cgroup/memory.stat": "anon 500\ninactive_file 2500\nfile 3000\n",
            },
            4000,
            3000,
            id="page cache counts as free",
        ),
        pytest.param(
            {"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.high": "3000\n"}, 3000, 3000, id="throttled"
        ),
        pytest.param(
            {
                "sys/fs/cgroup/user.slice/memory.max": "5000\n",
                "sys/fs/cgroup/user.slice/memory.current": "4900\n",
                "sys/fs/cgroup/user.slice/job/memory.max": "4000\n",
                "sys/fs/cgroup/user.slice/job/memory.current": "100\n",
            },
            4000,
            100,
            id="the tightest limit, the parent with the least left",
        ),
        pytest.param(
            {"sys/fs/cgroup/user.slice/memory.max": "2000\n", "sys/fs/cgroup/user.slice/job/memory.max": "max\n"},
            2000,
            2000,
            id="a parent's limit",
        ),
        pytest.param({"sys/fs/cgroup/memory.max": "rubbish\n"}, None, None, id="unreadable"),
    ],
)
def test_memory_limit_v2(tmp_path: Path, files: dict[str, str], limit: int | None, available: int | None) -> None:
    root = tree(tmp_path, {"proc/self/cgroup": "0::/user.slice/job\n", **files})
    bound = cgroup.memory(root)
    assert (bound and bound.limit_bytes, bound and bound.available_bytes) == (limit, available)


def test_memory_limit_v1_nested(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/unified/cgroup.controllers": "",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "8000\n",
            "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "3000\n",
            "sys/fs/cgroup/memory/docker/abc/memory.stat": "cache 900\ntotal_inactive_file 1000\n",
        },
    )
    assert cgroup.memory(root) == cgroup.MemoryBound(8000, 6000, "/docker/abc")


def test_memory_limit_v1_path_of_the_host_inside_a_container(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/not-here\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "8000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n",
        },
    )
    assert cgroup.memory(root) == cgroup.MemoryBound(8000, 7000, "/")


def test_memory_limit_of_a_path_outside_the_namespace(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/self/cgroup": "0::/../other\n", "sys/fs/cgroup/memory.max": "700\n"})
    assert cgroup.memory(root) == cgroup.MemoryBound(700, 700, "/")


def test_without_cgroups_there_is_no_limit(tmp_path: Path) -> None:
    assert cgroup.memory(tmp_path) is None
    assert cgroup.cpu_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/a\n",
                "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/cpu.max": "200000 100000\n",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
    ],
)
def test_cpu_quota(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    assert cgroup.cpu_quota(tree(tmp_path, files)) == quota


# GPUs


def test_gpus_of_nvidia_smi() -> None:
    first, second = hardware.nvidia_gpus(answers({"nvidia-smi": SMI}), {})
    assert (first.name, first.total_bytes, first.free_bytes) == ("NVIDIA GeForce RTX 4090", 24564 * MIB, 23028 * MIB)
    assert (first.compute_capability, second.compute_capability) == ((8, 9), (9, 0))


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("1", ["NVIDIA H100 80GB HBM3"]),
        ("GPU-aa", ["NVIDIA GeForce RTX 4090"]),
        ("0,1", ["NVIDIA GeForce RTX 4090", "NVIDIA H100 80GB HBM3"]),
        ("", []),
        ("-1", []),
    ],
)
def test_cuda_visible_devices(visible: str, names: list[str]) -> None:
    gpus = hardware.nvidia_gpus(answers({"nvidia-smi": SMI}), {"CUDA_VISIBLE_DEVICES": visible})
    assert [gpu.name for gpu in gpus] == names


@pytest.mark.parametrize("text", [None, "", "No devices were found\n", "0, GPU-aa, NVIDIA GB10, [N/A], [N/A], 12.1\n"])
def test_no_gpu(text: str | None) -> None:
    assert hardware.nvidia_gpus(lambda argv: text, {}) == ()


def test_unknown_compute_capability() -> None:
    (gpu,) = hardware.nvidia_gpus(lambda argv: "0, GPU-aa, Tesla, 100, 90, [Not Supported]\n", {})
    assert gpu.compute_capability == (0, 0)


# Apple silicon


@pytest.mark.parametrize(
    ("total", "sysctl", "limit_gb"),
    [
        (8 * GIB, "0\n", 5.6),
        (16 * GIB, "0\n", 11.3),
        (32 * GIB, "0\n", 25.8),
        (128 * GIB, "0\n", 103.1),
        (16 * GIB, "14336\n", 15.0),
        (16 * GIB, "999999\n", 17.2),
        (32 * GIB, "", 25.8),
    ],
)
def test_wired_limit(total: int, sysctl: str, limit_gb: float) -> None:
    assert hardware.wired_limit(total, answers({"iogpu": sysctl})) / 1e9 == pytest.approx(limit_gb, abs=0.06)


def test_processors_of_macs() -> None:
    apple = answers({"brand_string": "Apple M2 Pro\n", "FEAT_BF16": "1\n"})
    intel = answers({"brand_string": "Intel(R) Core(TM) i7\n", "leaf7": "RDWRFSGS AVX2 BMI2 AVX512F\n"})
    assert hardware.mac_cpu(apple) == ("Apple M2 Pro", frozenset({"bf16"}))
    assert hardware.mac_cpu(intel) == ("Intel(R) Core(TM) i7", frozenset({"avx2", "avx512f"}))


# Linux


@pytest.mark.parametrize(
    ("cpuinfo", "name", "flags"),
    [
        ("model name\t: Xeon  8480\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16 sse\n", "Xeon 8480", 4),
        ("processor\t: 0\nFeatures\t: fp asimd bf16 sve\n", "", 1),
        ("model name\t: Old\nflags\t\t: fpu sse2\n", "Old", 0),
    ],
)
def test_linux_cpu(tmp_path: Path, cpuinfo: str, name: str, flags: int) -> None:
    found = hardware.linux_cpu(tree(tmp_path, {"proc/cpuinfo": cpuinfo}))
    assert (found[0], len(found[1])) == (name, flags)


def test_numa_nodes_count_only_from_two_on(tmp_path: Path) -> None:
    def node(number: int) -> dict[str, str]:
        text = f"Node {number} MemTotal: 100 kB\nNode {number} MemFree: 40 kB\nNode {number} Inactive(file): 10 kB\n"
        return {f"sys/devices/system/node/node{number}/meminfo": text}

    assert hardware.numa_available(tree(tmp_path, node(0))) == ()
    assert hardware.numa_available(tree(tmp_path, node(1))) == (51200, 51200)


# The whole


@pytest.mark.skipif(platform.system() != "Linux", reason="reads /proc and cgroups")
def test_detect_honours_a_container(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/cpuinfo": "model name\t: Made-up\nflags\t: avx2\n",
        "sys/fs/cgroup/memory.max": f"{GIB}\n",
        "sys/fs/cgroup/memory.current": f"{GIB // 4}\n",
        "sys/fs/cgroup/cpu.max": "100000 100000\n",
    }
    found = hardware.detect(root=tree(tmp_path, files), run=lambda argv: None, env={})
    assert (found.total_bytes, found.available_bytes) == (GIB, GIB * 3 // 4)
    assert (found.cpu_cores, found.memory_limit, found.gpus) == (1, "/", ())
    assert found.visible_cores >= 1
    assert found.cpu_name == "Made-up"


def test_detect_this_machine() -> None:
    found = hardware.detect()
    assert 0 < found.available_bytes <= found.total_bytes
    assert 1 <= found.cpu_cores <= found.visible_cores


def test_failing_command_returns_none() -> None:
    assert hardware.run_probe(["no-such-command-at-all"]) is None
    assert hardware.run_probe(["git", "no-such-verb"]) is None
    assert (hardware.run_probe(["git", "--version"]) or "").startswith("git")
