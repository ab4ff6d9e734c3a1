"""Which pull request a review is posted to, and with which token.

Both come from the CI job's variables or the command line, never from the repository: whoever names the forge receives
the token.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult


class Forge(StrEnum):
    """A kind of forge; Forgejo speaks Gitea's API."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


TOKENS = {
    Forge.GITHUB: ("GITHUB_TOKEN", "GH_TOKEN"),
    Forge.GITLAB: ("GITLAB_TOKEN",),
    Forge.GITEA: ("GITEA_TOKEN", "FORGEJO_TOKEN"),
}
"""The variables that hold a token, best first."""

PERMISSIONS = {
    Forge.GITHUB: "pull-requests: write (a fine-grained token: Pull requests, read and write)",
    Forge.GITLAB: "the scope api and the role Reporter or higher",
    Forge.GITEA: "the scopes write:issue, write:repository and read:user",
}

_SHAPES = (
    (Forge.GITHUB, re.compile(r"/(?P<project>[^/]+/[^/]+)/pull/(?P<number>\d+)(?:/.*)?")),
    (Forge.GITLAB, re.compile(r"/(?P<project>[^/]+(?:/[^/]+)+)/-/merge_requests/(?P<number>\d+)(?:/.*)?")),
    (Forge.GITEA, re.compile(r"/(?P<project>[^/]+/[^/]+)/pulls/(?P<number>\d+)(?:/.*)?")),
)
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request (GitLab: a merge request).

    Attributes:
        api: Base URL of the REST API, without a final slash.
        project: ``owner/name``; for GitLab also a number.
        job_token: The token that the CI system gave to the job; only some forges have one.
    """

    forge: Forge
    api: str
    project: str
    number: int
    job_token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Refuse an address to which no token may be sent.

        Raises:
            UsageError: It is not an https address, nor one on this machine.
        """
        parts = _split(self.api)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise UsageError(f"{self.api} is not encrypted: a token is only sent over https")
        if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
            raise UsageError("the address of the forge's API has a user, a query or a fragment")
        if not _NAME.fullmatch(self.project):
            raise UsageError(f"{self.project!r} does not name a project")

    @classmethod
    def from_url(cls, url: str) -> PullRequest:
        """Read the address at which a browser shows a pull request; its form tells the kind of forge.

        Raises:
            UsageError: It is not the address of a pull request.
        """
        parts = _split(url)
        path = unquote(parts.path)
        for forge, shape in _SHAPES:
            if match := shape.fullmatch(path):
                server = f"{parts.scheme}://{parts.netloc}"
                return cls(forge, _api(forge, server), match["project"], int(match["number"]))
        raise UsageError(
            f"{url} is not the address of a pull request",
            hint="https://HOST/OWNER/REPO/pull/7 (GitHub)\n"
            "https://HOST/GROUP/PROJECT/-/merge_requests/7 (GitLab)\n"
            "https://HOST/OWNER/REPO/pulls/7 (Gitea, Forgejo)",
        )

    @property
    def is_local(self) -> bool:
        """Whether the forge runs on this machine."""
        return is_loopback(_split(self.api).hostname or "")

    def __str__(self) -> str:
        """Its name on the forge, such as ``owner/name#7``."""
        return f"{self.project}{'!' if self.forge is Forge.GITLAB else '#'}{self.number}"


def token(pull: PullRequest, env: Mapping[str, str]) -> str:
    """Return the token to post with.

    Raises:
        UsageError: There is none, or it cannot be one.
    """
    names = TOKENS[pull.forge]
    found = next((env[name].strip() for name in names if env.get(name, "").strip()), pull.job_token.strip())
    if not found:
        caveat = "\nCI_JOB_TOKEN cannot post comments" if env.get("CI_JOB_TOKEN") else ""
        raise UsageError(
            f"no token to post to {pull}",
            hint=f"set {' or '.join(names)}; the token needs {PERMISSIONS[pull.forge]}{caveat}",
        )
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise UsageError(f"the token in {' or '.join(names)} has characters that a token cannot have")
    return found


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as problem:
        raise UsageError(f"not a valid address: {problem}") from None
    return parts


def _api(forge: Forge, server: str) -> str:
    if forge is Forge.GITLAB:
        return f"{server}/api/v4"
    if forge is Forge.GITEA:
        return f"{server}/api/v1"
    return "https://api.github.com" if server == "https://github.com" else f"{server}/api/v3"
