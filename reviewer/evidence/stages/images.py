"""Rules for what the image of a stage has: a shell, programs, libraries, rights, what other stages made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.stages.instructions import Span, Stage

_PACKAGES = re.compile(
    r"\b(?:apt-get\s+(?:-\S+\s+)*(?:install|update)|apk\s+(?:-\S+\s+)*add|(?:yum|dnf|microdnf)\s+(?:-\S+\s+)*install)\b"
)
_GLOBAL = re.compile(r"\bnpm\s+(?:install|i)\s+(?:-\S+\s+)*(?:-g|--global)\s(?![^;&|]*--prefix)")
_GO_BUILD = re.compile(r"\bgo\s+(?:build|install)\b")
_SMALL = re.compile(r"(?:^|/)(?:alpine\b|[^:/]+:[^/]*(?:alpine|slim)|scratch$|distroless/)")
_NO_SHELL = re.compile(r"^scratch$|distroless/(?!\S*debug)")
_NO_LIBRARY = re.compile(r"^scratch$|distroless/static|(?:^|/)alpine(?::|$)")
_SUDO = re.compile(r"(?:^|&&\s*|;\s*|\n\s*)(sudo)\s")
_UNKNOWN_STAGE = Fault(
    "dockerfile-stage-unknown",
    "No stage before has this name, so an image of that name is pulled instead.",
    "https://docs.docker.com/build/building/multi-stage/",
    Severity.ERROR,
)
_NO_RIGHTS = Fault(
    "dockerfile-packages-without-rights",
    "The user that was set before may not install packages; install them before USER.",
    "https://docs.docker.com/reference/dockerfile/#user",
    Severity.ERROR,
)
_ROOT = Fault(
    "dockerfile-runs-as-root",
    "The container runs as root, so whoever takes over the program has all rights in it.",
    "https://docs.docker.com/build/building/best-practices/#user",
    category=Category.SECURITY,
)
_LINKED = Fault(
    "dockerfile-program-without-library",
    "With cgo the program needs a C library, which this image does not have; build it with CGO_ENABLED=0.",
    "https://pkg.go.dev/cmd/cgo",
    Severity.ERROR,
)
_NO_CURL = Fault(
    "dockerfile-health-without-curl",
    "The image has no curl and none is installed, so the check always fails.",
    "https://docs.docker.com/reference/dockerfile/#healthcheck",
    Severity.ERROR,
)
_NO_SOURCE = Fault(
    "dockerfile-source-in-sh",
    "The shell is sh, which in most images does not know `source`; write `.`.",
    "https://docs.docker.com/reference/dockerfile/#shell",
    Severity.ERROR,
)
_WITHOUT_SHELL = Fault(
    "dockerfile-shell-missing",
    "The image has no shell, which RUN and the form without brackets need.",
    "https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",
    Severity.ERROR,
)
_WITHOUT_SUDO = Fault(
    "dockerfile-sudo-missing",
    "Most images have no sudo, and the build runs as root unless USER says otherwise.",
    "https://github.com/hadolint/hadolint/wiki/DL3004",
    Severity.ERROR,
)


def faults(stage: Stage, before: list[Stage], *, last: bool) -> Iterator[tuple[Fault, Span]]:
    """Report what an image lacks or gives to all.

    Args:
        stage: The stage.
        before: The stages above it.
        last: Whether it makes the image that is run.
    """
    for rule in (_shells, _users, _sources):
        yield from rule(stage)
    yield from _copies(stage, before)
    if last:
        yield from _last(stage)


def _shells(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    sudo = False
    for one in stage.instructions:
        if one.word == "RUN":
            sudo = sudo or re.search(r"install\b[^;&|]*\ssudo\b|\badd\b[^;&|]*\ssudo\b", one.rest) is not None
            found = None if sudo or stage.name else _SUDO.search(one.rest)
            if found and re.match(
                r"(?:debian|ubuntu|alpine|node|python|golang|ruby|php|rust|openjdk|eclipse-temurin)\b", stage.base
            ):
                yield _WITHOUT_SUDO, one.place(found)
        elif one.word == "SHELL":
            return
        in_shell = one.word in ("RUN", "CMD", "ENTRYPOINT") and not one.rest.lstrip().startswith(("[", "--mount"))
        if in_shell and _NO_SHELL.search(stage.base):
            yield _WITHOUT_SHELL, one.place()


def _users(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    user = "root"
    own_prefix = any(re.search(r"(?i)npm_config_prefix", one.rest) for one in stage.all("ENV"))
    for one in stage.instructions:
        if one.word == "USER":
            user = one.rest.strip().split(":")[0]
        elif one.word == "RUN" and user not in ("root", "0") and "$" not in user:
            found = _PACKAGES.search(one.rest) or (None if own_prefix else _GLOBAL.search(one.rest))
            if found and "sudo" not in one.rest[: found.start()]:
                yield _NO_RIGHTS, one.place(found)


def _sources(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    bash = False
    for one in stage.instructions:
        bash = bash or (one.word == "SHELL" and "bash" in one.rest)
        if one.word == "RUN" and not bash:
            found = re.search(r"(?:^|&&\s*|;\s*|\\\n\s*)(source)\s+\S+\s*(?:&&|;)", one.rest)
            if found and not re.search(r"\bbash\b", one.rest):
                yield _NO_SOURCE, one.place(found)


def _copies(stage: Stage, before: list[Stage]) -> Iterator[tuple[Fault, Span]]:
    names = {one.name.lower(): one for one in before if one.name} | {str(i): one for i, one in enumerate(before)}
    for one in stage.all("COPY"):
        found = re.match(r"(?:--(?!from)\S+\s+)*--from=([^\s$]+)(?=\s)", one.rest)
        if found is None:
            continue
        source = names.get(found[1].lower())
        if source is None:
            if (
                re.fullmatch(
                    r"\d+|[a-z]+(?:er|ild|age|deps|base|ies)|deps|base|build\w*|dist|assets|frontend|backend", found[1]
                )
                and before
            ):
                yield _UNKNOWN_STAGE, one.place(found)
        elif _NO_LIBRARY.search(stage.base) and _needs_library(source):
            built = next(one for one in source.all("RUN") if _GO_BUILD.search(one.rest))
            yield _LINKED, built.place(_GO_BUILD.search(built.rest))


def _needs_library(stage: Stage) -> bool:
    """Say whether a stage builds a Go program that may use the C library."""
    text = "\n".join(one.rest for one in stage.all("ENV", "ARG", "RUN"))
    if not re.match(r"(?:\S+/)?golang(?::|$)", stage.base) or re.search(r"CGO_ENABLED|netgo|-static|--platform", text):
        return False
    return _GO_BUILD.search(text) is not None and "alpine" not in stage.base


def _last(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    users = stage.all("USER")
    if users and users[-1].rest.strip().split(":")[0] in ("root", "0"):
        yield _ROOT, users[-1].place()
    for one in stage.all("HEALTHCHECK"):
        found = re.search(r"\bcurl\b", one.rest)
        runs = "\n".join(other.rest for other in stage.all("RUN", "COPY"))
        if found and _SMALL.search(stage.base) and "curl" not in runs:
            yield _NO_CURL, one.place(found)
