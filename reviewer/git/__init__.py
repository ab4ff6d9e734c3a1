"""Reads the change under review as git records it: patches and file contents as bytes. Writes nothing."""

from __future__ import annotations

from reviewer.git.repository import Repository
from reviewer.git.target import Target, TargetKind, read_patch

__all__ = ["Repository", "Target", "TargetKind", "read_patch"]
