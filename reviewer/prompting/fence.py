"""A secret of this machine, made once, for markers that the author of a diff cannot foresee.

A marker drawn anew for each request would do as well, but then no request would ever be the same twice and nothing
could be cached. Keyed with a secret, the same unit gets the same marker, and nobody else can tell which.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from reviewer import paths

if TYPE_CHECKING:
    from pathlib import Path

_BYTES = 32


def marker(*parts: str) -> str:
    """A marker of 12 hexadecimal digits for these texts."""
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hmac.new(_secret(paths.data_dir() / "marker.key"), text, hashlib.sha256).hexdigest()[:12]


@functools.cache
def _secret(path: Path) -> bytes:
    """Read the secret, or write a fresh one; kept in memory alone where the folder cannot be written."""
    with contextlib.suppress(OSError):
        known = path.read_bytes()
        if len(known) == _BYTES:
            return known
    fresh = secrets.token_bytes(_BYTES)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed: a half-written secret is never read.
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(fresh)
        aside.replace(path)
        return path.read_bytes()
    return fresh
