"""What is installed while a lock is held, on real folders."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.install import disk
from reviewer.terminal.progress import SILENT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.parametrize(("umask", "allowed"), [(0o000, 0o755), (0o002, 0o755), (0o077, 0o700)])
def test_nobody_else_may_change_what_is_installed(umask: int, allowed: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        with disk.locked(tmp_path / "data" / "models" / "lock", "installing", SILENT):
            (tmp_path / "data" / "models" / "weights").write_bytes(b"x")
            subprocess.run(["mkdir", tmp_path / "data" / "made-by-a-child"], check=True)
        after = os.umask(umask)
    finally:
        os.umask(before)
    assert after == umask
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*")}
    assert modes == {"models": allowed, "made-by-a-child": allowed, "lock": allowed & 0o644, "weights": allowed & 0o644}
