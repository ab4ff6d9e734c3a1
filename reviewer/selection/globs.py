"""Path patterns of settings and rules."""

from __future__ import annotations

import fnmatch


def matches(path: str, pattern: str) -> bool:
    """Match a glob against the whole path, or against the file's name where the pattern has no slash.

    Args:
        path: As git stores it, ``/`` between parts.
        pattern: ``*`` also matches ``/``; one that ends in ``/`` is a folder, at any depth.
    """
    if pattern.endswith("/"):
        return path.startswith(pattern) or f"/{pattern}" in f"/{path}"
    target = path if "/" in pattern else path.rsplit("/", 1)[-1]
    # ``**/`` also stands for no folder at all, as in gitignore.
    return fnmatch.fnmatchcase(target, pattern) or fnmatch.fnmatchcase(target, pattern.replace("**/", ""))
