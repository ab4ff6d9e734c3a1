"""Downloads large files and resumes them after a broken connection, Ctrl-C or a reboot.

The hub's own library restarts a file from the beginning in these cases.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

_PART = ".part"
_TIMEOUT = 30.0  # seconds without a byte
_ATTEMPTS = 4  # in a row without any data
_PAUSE = 1.0  # seconds before the second attempt; doubled each time
_PARTIAL_CONTENT = 206


class Downloader:
    """A connection for several files. Proxies and certificates come from the environment, as for any HTTP client.

    Args:
        token: Bearer token for the first host; a redirect to a file store does not receive it.
    """

    def __init__(self, token: str | None = None) -> None:
        headers = {"Accept-Encoding": "identity"}  # ranges count the bytes of the file itself
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT, follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, url: str, target: Path, size: int, report: Callable[[int], None]) -> None:
        """Download ``url``, continuing where an earlier call stopped.

        Args:
            url: Its contents must not change between calls.
            target: The file, which appears when it is complete.
            size: Its size in bytes.
            report: Called with the number of bytes so far.

        Raises:
            httpx.HTTPError: The server refuses, or several attempts in a row brought no data.
            OSError: The file cannot be written.
        """
        if target.exists():
            return
        part = target.with_name(target.name + _PART)
        part.touch()
        failures = 0
        while (have := part.stat().st_size) != size:
            problem = self._continue(url, part, have if have < size else 0, report)
            failures = 0 if part.stat().st_size > have else failures + 1
            if failures == _ATTEMPTS:
                raise problem or httpx.RemoteProtocolError(f"the server sent {have:,} of {size:,} bytes")
            if failures:
                time.sleep(_PAUSE * 2 ** (failures - 1))
        part.rename(target)
        report(size)

    def _continue(self, url: str, part: Path, have: int, report: Callable[[int], None]) -> httpx.TransportError | None:
        """Append what is missing; return the error of a broken connection, which is worth another attempt."""
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                response.raise_for_status()
                if response.status_code != _PARTIAL_CONTENT:
                    have = 0
                with part.open("r+b") as file:
                    file.truncate(have)
                    file.seek(have)
                    for chunk in response.iter_raw():
                        file.write(chunk)
                        have += len(chunk)
                        report(have)
        except httpx.TransportError as problem:
            return problem
        return None
