"""Where a model server answers: our own Unix socket, or a configured URL.

Apart from the client, so that status and stop need not import an HTTP library.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

API_KEY_VARIABLE = "REVIEWER_ENGINE_API_KEY"
KEYRING_SERVICE = "vllm-reviewer"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server.

    Attributes:
        url: Base URL without ``/v1``; with ``uds`` only its scheme and path count.
        uds: Unix socket to connect to instead of the URL's host.
        api_key: Bearer key; never in ``repr``, in a log or in an error.
        served_name: The model's name at this server; None asks the server.
        ca_file: Certificates to trust for https in place of the system's; a private CA's.
    """

    url: str
    uds: Path | None = None
    api_key: str | None = field(default=None, repr=False)
    served_name: str | None = None
    ca_file: Path | None = None

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """Check and normalize a configured URL.

        Raises:
            ConfigError: It is not an http or https URL, or has a password, a query or a fragment. URLs are shown in
                messages, so they must not hold secrets.
        """
        hint = "use http://host:port or https://host/path"
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"the engine's URL is not valid: {error}", hint=hint) from None
        if parts.username or parts.password:
            raise ConfigError(
                "the engine's URL contains a user name or password", hint=f"set {API_KEY_VARIABLE} instead"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ConfigError(f"the engine's URL is not an http or https address: {url[:200]!r}", hint=hint)
        if parts.query or parts.fragment:
            raise ConfigError("the engine's URL contains a query or a fragment", hint=hint)
        path = parts.path.rstrip("/").removesuffix("/v1")
        return cls(f"{parts.scheme}://{parts.netloc}{path}")

    @property
    def is_local(self) -> bool:
        """Whether requests stay on this machine."""
        if self.uds is not None:
            return True
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def is_encrypted(self) -> bool:
        """Whether nobody on the network can read the requests."""
        return self.is_local or self.url.startswith("https://")

    def __str__(self) -> str:
        """The socket or the URL, without the key."""
        return str(self.uds) if self.uds is not None else self.url


def parse_urls(urls: str | Sequence[str]) -> tuple[Endpoint, ...]:
    """Read ``engine.url``: one URL, several separated by commas, or a list. Repeated ones count once.

    Raises:
        ConfigError: One of them is not usable, or there is none.
    """
    texts = urls.split(",") if isinstance(urls, str) else urls
    found = [Endpoint.from_url(text) for text in texts if text.strip()]
    if not found:
        raise ConfigError("engine.url names no endpoint", hint="use http://host:port or https://host/path")
    return tuple({endpoint.url: endpoint for endpoint in found}.values())


def exposed(urls: str | Sequence[str], *, with_key: bool) -> tuple[str, ...]:
    """One warning for each endpoint to which code would be sent unencrypted."""
    what = "the code under review and the key" if with_key else "the code under review"
    return tuple(
        f"{endpoint} is not encrypted: others on the network can read {what}; use https"
        for endpoint in parse_urls(urls)
        if not endpoint.is_encrypted
    )
