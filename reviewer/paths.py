"""Where the reviewer keeps its files, per platform; ``REVIEWER_HOME`` puts all of them under one folder."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from reviewer.errors import UsageError, in_words

_APP = "reviewer"

GIT_FOLDER = "reviewer"
"""Name of the reviewer's folder inside a git folder."""


def data_dir() -> Path:
    """Models and the managed engine environment."""
    return _under("data", "user_data_path")


def cache_dir() -> Path:
    """The answer cache, which may be deleted at any time."""
    return _under("cache", "user_cache_path")


def state_dir() -> Path:
    """Logs and crash reports."""
    return _under("state", "user_state_path")


def config_dir() -> Path:
    """The user's own configuration file."""
    return _under("config", "user_config_path")


def run_dir() -> Path:
    """Sockets, locks and state files of running engines; created with mode 0700 by the caller.

    Raises:
        UsageError: There is no private folder for them.
    """
    try:
        # Without XDG_RUNTIME_DIR platformdirs warns and falls back to the temporary folder.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            return _under("run", "user_runtime_path")
    except OSError as problem:
        raise UsageError(
            f"there is no private folder for sockets: {in_words(problem)}",
            hint="set XDG_RUNTIME_DIR to a folder of your own with mode 0700",
        ) from problem


def _under(kind: str, platform_name: str) -> Path:
    home = os.environ.get("REVIEWER_HOME")
    if home:
        return Path(home).expanduser().absolute() / kind
    import platformdirs

    path: Path = getattr(platformdirs.PlatformDirs(_APP, appauthor=False), platform_name)
    return path
