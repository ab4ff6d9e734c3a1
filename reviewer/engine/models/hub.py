"""Downloads a model from the Hugging Face hub: one commit, weights in safetensors, small text files, no code."""

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
from reviewer.errors import ModelSourceError, in_words
from reviewer.terminal.output import byte_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reviewer.engine.models.references import Reference
    from reviewer.terminal.progress import Progress

_WANTED = (
    "*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "*.tiktoken", "LICENSE*", "NOTICE*", "USAGE_POLICY*",
)  # fmt: skip
_UNWANTED = "consolidated*"  # a second copy of the weights in Mistral's repositories
_CLOSED = (401, 403)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file's metadata on the hub.

    Attributes:
        bytes: Its size.
        sha256: Its checksum, for large files.
        blob: Git's hash of its contents, for the others.
    """

    bytes: int
    sha256: str | None
    blob: str | None

    def is_at(self, path: Path) -> bool:
        """Whether ``path`` contains this file."""
        if path.stat().st_size != self.bytes:
            return False
        if self.sha256 is not None:
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
        data = path.read_bytes()
        # Git's hash of the contents, not a signature; the hub has no other for small files.
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        return self.blob in (None, blob)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What to download.

    Attributes:
        repository: ``owner/name``.
        commit: The full hash of the requested revision.
        licence: According to the model card.
        files: The files by name.
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
    """Whether a file is part of a model: in the root of its folder, and neither code nor a pickle."""
    if "/" in name or "\\" in name or fnmatch.fnmatchcase(name, _UNWANTED):
        return False
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _WANTED)


def look_up(reference: Reference, revision: str | None) -> Snapshot:
    """Resolve a branch, tag or commit (by default the catalog's pin or ``main``) and list the files to download.

    Raises:
        ModelSourceError: It does not exist, needs permission, has no safetensors, or the hub cannot be reached.
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
            f"{repository} has no model in safetensors",
            hint="other formats (.bin, .pt, .gguf) are not supported; the first two can run code when loaded",
        )
    licence = getattr(info.card_data, "license", None) if info.card_data else None
    return Snapshot(repository, str(info.sha), str(licence) if licence else None, files)


def fetch(snapshot: Snapshot, folder: Path, progress: Progress) -> None:
    """Download all files into ``folder``, except those from an earlier run.

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
    """The token from the environment; stored tokens are not used."""
    return os.environ.get("HF_TOKEN") or os.environ.get("HUGGING_FACE_HUB_TOKEN") or None


@contextlib.contextmanager
def _translated(repository: str) -> Iterator[None]:
    """Translate the library's errors."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as problem:
        raise _gated(repository) from problem
    except errors.RepositoryNotFoundError as problem:
        raise ModelSourceError(
            f"the hub has no model {repository}, or it is private",
            hint=f"check the name; for a private model set HF_TOKEN; for a folder use ./{repository}",
        ) from problem
    except errors.RevisionNotFoundError as problem:
        raise ModelSourceError(f"{repository} does not have that revision", hint="see its commits") from problem
    except errors.OfflineModeIsEnabled as problem:
        raise ModelSourceError("HF_HUB_OFFLINE disables downloads", hint="unset it to install a model") from problem
    except httpx.HTTPStatusError as problem:
        if problem.response.status_code in _CLOSED:  # the list of files may be public even so
            raise _gated(repository) from problem
        raise _failed(repository, problem) from problem
    except _failures(errors) as problem:
        raise _failed(repository, problem) from problem


def _gated(repository: str) -> ModelSourceError:
    return ModelSourceError(
        f"{repository} requires accepting its terms",
        hint=f"accept them at https://huggingface.co/{repository}, then set HF_TOKEN to an access token",
    )


def _failed(repository: str, problem: Exception) -> ModelSourceError:
    reason = (in_words(problem).strip() or type(problem).__name__).splitlines()[0]
    return ModelSourceError(
        f"{repository} could not be downloaded: {reason}",
        hint="run the same command again to continue; behind a proxy set HTTPS_PROXY, for a mirror HF_ENDPOINT;\n"
        "without a hub: reviewer model install --embedded",
    )


def _failures(errors: Any) -> tuple[type[Exception], ...]:
    """Other errors: the hub's own, and those of httpx or its successor, which newer releases use."""
    modules = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (errors.HfHubHTTPError, errors.EntryNotFoundError, OSError, *(module.HTTPError for module in modules))
