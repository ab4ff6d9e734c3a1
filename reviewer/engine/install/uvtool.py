"""Runs uv with the user's package sources and reports its downloads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.engine.install import child
from reviewer.engine.install.engine_python import clean_environ
from reviewer.engine.install.indexes import IndexSettings, index_settings
from reviewer.errors import EngineInstallError, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reviewer.terminal.progress import Progress

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_STARTED = re.compile(r"\s*Downloading (\S+) \(([\d.]+)\s*([KMG]?i?B)\)")
_FINISHED = re.compile(r"\s*(?:Downloaded|Built|Prepared) (\S+)$")
_MILESTONES = ("Resolved ", "Prepared ", "Installed ")


class Uv:
    """The installed uv.

    Args:
        folder: Its working directory, outside any repository, so that it reads no project's configuration.
        environ: Additional variables.

    Raises:
        EngineInstallError: uv is not installed.
        ConfigError: pip's configuration cannot be parsed.
    """

    def __init__(self, folder: Path, environ: dict[str, str] | None = None) -> None:
        self.settings: IndexSettings = index_settings()
        self.program = find_uv()
        self._folder = folder
        self._env = {**clean_environ(), **self.settings.env, **(environ or {}), "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
        # Without progress bars uv still announces downloads, on standard error.

    def run(self, arguments: Sequence[str], progress: Progress) -> child.Completed:
        """Run uv and report its downloads.

        Raises:
            EngineInstallError: uv cannot be started.
        """
        reader = _Downloads(progress)
        argv = [self.program, *arguments]
        try:
            return child.run(argv, env=self._env, cwd=self._folder, on_line=reader.line, on_tick=reader.tick)
        except OSError as problem:
            raise EngineInstallError(
                f"uv cannot be started: {in_words(problem)}", hint="pip install --upgrade uv"
            ) from problem


def find_uv() -> str:
    """Path of the uv executable.

    Raises:
        EngineInstallError: uv is not installed.
    """
    import uv

    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError as problem:
        raise EngineInstallError(
            f"uv is not installed: {problem}", hint="pip install --force-reinstall uv"
        ) from problem


class _Downloads:
    """Sums up the downloads that uv announces, which are the large ones."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._pending: dict[str, float] = {}
        self._announced = 0.0
        self._done = 0.0

    def line(self, line: str) -> None:
        """Read a line of output."""
        started = _STARTED.match(line)
        if started:
            size = float(started[2]) * _UNITS.get(started[3], 1)
            self._pending[started[1]] = size
            self._announced += size
        elif finished := _FINISHED.match(line):
            self._done += self._pending.pop(finished[1], 0.0)
        elif line.startswith(_MILESTONES):
            self._progress.step(f"uv: {line[0].lower()}{line[1:]}")
        self.tick()

    def tick(self) -> None:
        """Report progress."""
        if not self._pending:
            return
        self._progress.step("downloading packages")
        self._progress.advance(self._done, self._announced, "B")
