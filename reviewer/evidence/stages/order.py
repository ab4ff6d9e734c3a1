"""Rules for instructions that come in the wrong order, or of which one undoes another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.evidence.stages.instructions import Span, Stage

_BUILD = re.compile(
    r"\b(?:npm\s+run\s+build|yarn\s+(?:run\s+)?build|pnpm\s+(?:run\s+)?build|npx\s+(?:tsc|webpack|vite)\b)"
)
_INSTALL = re.compile(r"\b(?:npm\s+(?:ci|install)|yarn\s+install|pnpm\s+install)\b(?!\s+-g)(?:\s+-\S+)*")
_DEPENDENCIES = re.compile(
    r"\b(?:npm\s+(?:ci|install)\b(?!\s+(?:-g|--global|[a-z@])|(?:\s+-\S+)*\s+[a-z@])|yarn\s+install|pnpm\s+install|pip3?\s+install\s+(?:-\S+\s+)*-r|"
    r"bundle\s+install|composer\s+install|go\s+mod\s+download|poetry\s+install|mvn\s+\S*dependency:\S+)"
)
_REPLACED = Fault(
    "dockerfile-command-replaced",
    "Only the last one of a stage counts, and another follows.",
    "https://docs.docker.com/reference/dockerfile/#cmd",
    Severity.ERROR,
)
_DISCARDED = Fault(
    "dockerfile-volume-changed-later",
    "What is written below a volume after VOLUME is discarded; write it before.",
    "https://docs.docker.com/reference/dockerfile/#volume",
    Severity.ERROR,
)
_UNCACHED = Fault(
    "dockerfile-copied-before-install",
    "Any changed file makes all dependencies install again; copy the list of them first, and the rest after this.",
    "https://docs.docker.com/build/cache/optimize/",
    category=Category.PERFORMANCE,
)
_NO_DEVELOPMENT = Fault(
    "dockerfile-build-tools-left-out",
    "With NODE_ENV=production the tools for the build below are not installed.",
    "https://docs.npmjs.com/cli/commands/npm-install",
    Severity.ERROR,
)
_OTHER_PORT = Fault(
    "dockerfile-other-port-exposed",
    "The program listens on the port of the variable PORT, which is another one.",
    "https://docs.docker.com/reference/dockerfile/#expose",
)


def faults(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    """Report instructions that come too early or too late."""
    for rule in (_commands, _volumes, _order, _node, _ports):
        yield from rule(stage)


def _commands(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    for word in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        for one in stage.all(word)[:-1]:
            yield _REPLACED, one.place()


def _volumes(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    volumes: set[str] = set()
    for one in stage.instructions:
        if one.word == "VOLUME":
            volumes |= set(re.findall(r"/[\w./-]*[\w-]", one.rest))
        elif one.word == "RUN":
            for volume in volumes:
                found = re.search(
                    rf"\b(?:chown|chmod|mkdir|touch|cp|mv)\s[^;&|]*?(?<!\S){re.escape(volume)}(?![\w-])", one.rest
                )
                if found:
                    yield _DISCARDED, one.place(found)
                    break


def _order(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    copies = stage.all("COPY", "ADD")
    whole = next((one for one in copies if re.match(r"(?:--(?!from)\S+\s+)*\.\s+\S+\s*$", one.rest)), None)
    if whole is None or any(one.start < whole.start for one in copies):
        return
    for one in stage.all("RUN"):
        found = _DEPENDENCIES.search(one.rest)
        if found and one.start > whole.start:
            yield _UNCACHED, whole.place()
            return


def _node(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    production = installed = None
    for one in stage.instructions:
        if one.word in ("ENV", "ARG"):
            found = re.search(r"\bNODE_ENV[= ]\"?(\w+)", one.rest)
            production = production if found is None else found[1] == "production"
        elif one.word == "RUN" and production:
            install = _INSTALL.search(one.rest)
            if install and not re.search(
                r"--include[= ]dev|--production=false|--prod=false|NODE_ENV=|--also", one.rest
            ):
                installed = (one, install)
            if installed and _BUILD.search(one.rest):
                yield _NO_DEVELOPMENT, installed[0].place(installed[1])
                return


def _ports(stage: Stage) -> Iterator[tuple[Fault, Span]]:
    ports = [found[1] for one in stage.all("ENV") if (found := re.search(r"(?:^|\s)PORT[= ]\"?(\d+)", one.rest))]
    exposed = stage.all("EXPOSE")
    numbers = [number for one in exposed for number in re.findall(r"(?<![-\w])\d+", one.rest)]
    if len(ports) == 1 and len(numbers) == 1 and ports[0] != numbers[0]:
        yield _OTHER_PORT, exposed[0].place()
