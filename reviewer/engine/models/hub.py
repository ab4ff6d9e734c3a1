"""Fetches a model from the Hugging Face hub: one commit, its weights in safetensors, its small text files, no code."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from reviewer.engine.models.download import Downloader
from reviewer.errors import ModelSourceError
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reviewer.engine.models.references import Reference
    from reviewer.terminal.progress import Progress

WANTED = (
    "*.safetensors",
    "*.json",
    "*.txt",
    "*.jinja",
    "*.model",
    "*.tiktoken",
    "LICENSE*",
    "NOTICE*",
    "USAGE_POLICY*",
)
# Mistral's repositories hold the weights a second time under this name.
UNWANTED = ("consolidated*",)
_TIMEOUT = 30.0  # seconds
_CLOSED = (401, 403)


@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub says about a file.

    Attributes:
        bytes: Its size.
        sha256: Its checksum, for large files.
        blob: The hash that git gives its contents, for the others.
    """

    bytes: int
    sha256: str | None
    blob: str | None

    def is_at(self, path: Path) -> bool:
        """Whether ``path`` holds this very file."""
        if path.stat().st_size != self.bytes:
            return False
        if self.sha256 is not None:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
        data = path.read_bytes()
        # Git's own identity of contents, not a signature; the hub gives no other for small files.
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return self.blob in (None, blob)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be fetched.

    Attributes:
        repository: ``owner/name``.
        commit: The full hash that the wanted revision stands for now.
        licence: The licence that the model card names.
        files: What the hub says about each file, by name.
    """

    repository: str
    commit: str
    licence: str | None
    files: dict[str, HubFile]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files.values())


def wanted(name: str) -> bool:
    """Whether a file of a model's folder is one that we take: in its root, no code, no pickles."""
    if "/" in name or "\\" in name or any(fnmatch.fnmatchcase(name, pattern) for pattern in UNWANTED):
        return False
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in WANTED)


def look_up(reference: Reference, revision: str | None) -> Snapshot:
    """Resolve a revision to a commit and list what is to be fetched.

    Args:
        reference: The model.
        revision: A branch, tag or commit; the catalog's pin, else ``main``, where None.

    Raises:
        ModelSourceError: It is not there, is closed, has no safetensors, or the hub cannot be reached.
    """
    import huggingface_hub

    repository = reference.repository or reference.id
    with _translated(repository):
        info = huggingface_hub.HfApi(endpoint=_endpoint(), token=_token()).model_info(
            repository, revision=revision or reference.revision or "main", files_metadata=True, timeout=30
        )
    files = {
        item.rfilename: HubFile(item.size or 0, item.lfs.sha256 if item.lfs else None, item.blob_id)
        for item in info.siblings or ()
        if wanted(item.rfilename)
    }
    if "config.json" not in files or not any(name.endswith(".safetensors") for name in files):
        raise ModelSourceError(
            f"{repository} holds no model in safetensors",
            hint="other formats (.bin, .pt, .gguf) are not taken: the first two can run code when they are loaded",
        )
    licence = getattr(info.card_data, "license", None) if info.card_data else None
    return Snapshot(repository, str(info.sha), str(licence) if licence else None, files)


def fetch(snapshot: Snapshot, folder: Path, progress: Progress) -> None:
    """Download all files into ``folder``; what an earlier run had got is not fetched again.

    Raises:
        ModelSourceError: The hub cannot be reached or refuses a file.
    """
    import huggingface_hub

    folder.mkdir(parents=True, exist_ok=True)
    progress.step(f"downloading {snapshot.repository} ({byte_size(snapshot.bytes)})")
    with _translated(snapshot.repository), Downloader(_token()) as downloader:
        before = 0
        for name, file in sorted(snapshot.files.items(), key=lambda entry: entry[1].bytes):
            url = huggingface_hub.hf_hub_url(snapshot.repository, name, revision=snapshot.commit, endpoint=_endpoint())

            def report(done: int, before: int = before) -> None:
                progress.advance(before + done, snapshot.bytes, "B")

            downloader.get(url, folder / name, file.bytes, report)
            before += file.bytes


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _token() -> str | None:
    """Only a token that the environment names, never one that lies about in a file."""
    return os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or None


@contextlib.contextmanager
def _translated(repository: str) -> Iterator[None]:
    """Turn the library's errors into ours."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as problem:
        raise _gated(repository) from problem
    except errors.RepositoryNotFoundError as problem:
        raise ModelSourceError(
            f"the hub has no model {repository}, or does not show it to you",
            hint=f"check the name; for a private model set HF_TOKEN; for a folder write ./{repository}",
        ) from problem
    except errors.RevisionNotFoundError as problem:
        raise ModelSourceError(f"{repository} has no such revision", hint="see its list of commits") from problem
    except errors.OfflineModeIsEnabled as problem:
        raise ModelSourceError("HF_HUB_OFFLINE forbids downloads", hint="unset it for the installation") from problem
    except httpx.HTTPStatusError as problem:
        if problem.response.status_code in _CLOSED:  # the list of files is public even so
            raise _gated(repository) from problem
        raise _failed(repository, problem) from problem
    except _failures(errors) as problem:
        raise _failed(repository, problem) from problem


def _gated(repository: str) -> ModelSourceError:
    return ModelSourceError(
        f"{repository} is open only to those who accepted its terms",
        hint=f"accept them at https://huggingface.co/{repository}, then set HF_TOKEN to an access token",
    )


def _failed(repository: str, problem: Exception) -> ModelSourceError:
    reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
    return ModelSourceError(
        f"{repository} could not be downloaded: {reason}",
        hint="run the same command again: it goes on where it stopped; behind a proxy set HTTPS_PROXY,\n"
        "for a mirror HF_ENDPOINT; without any hub: reviewer model install --embedded",
    )


def _failures(errors: Any) -> tuple[type[Exception], ...]:
    """What else can go wrong: the hub's own errors, and those of httpx, or of its successor in newer releases."""
    modules = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (errors.HfHubHTTPError, errors.EntryNotFoundError, OSError, *(module.HTTPError for module in modules))
