"""Markers around untrusted text in a prompt, which its author cannot predict.

They are derived from the text with a secret of this machine. Random markers would make every request different, and
its answer could not be cached.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from reviewer import files, paths

if TYPE_CHECKING:
    from pathlib import Path

_BYTES = 32


def marker(*parts: str) -> str:
    """A marker of 12 hexadecimal digits for these texts."""
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hmac.new(_secret(paths.data_dir() / "marker.key"), text, hashlib.sha256).hexdigest()[:12]


@functools.cache
def _secret(path: Path) -> bytes:
    """Read the secret, or make one; it is only kept in memory if the folder is not private or not writable."""
    with contextlib.suppress(OSError):
        known = files.read_private(path)
        if len(known) == _BYTES:
            return known
    fresh = secrets.token_bytes(_BYTES)
    with contextlib.suppress(OSError):
        files.make_folder(path.parent)
        files.write(path, fresh)
        return files.read_private(path)
    return fresh
