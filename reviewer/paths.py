"""Where the reviewer keeps its files, per platform; ``REVIEWER_HOME`` puts all of them under one folder."""

from __future__ import annotations

import os
from pathlib import Path

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
    """Sockets, locks and state files of running engines; created with mode 0700 by the caller."""
    return _under("run", "user_runtime_path")


def _under(kind: str, platform_name: str) -> Path:
    home = os.environ.get("REVIEWER_HOME")
    if home:
        return Path(home).expanduser().absolute() / kind
    import platformdirs

    path: Path = getattr(platformdirs.PlatformDirs(_APP, appauthor=False), platform_name)
    return path
