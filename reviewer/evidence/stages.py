"""The rules for Dockerfiles that compare several instructions of a stage."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Instruction:
    word: str
    rest: str
    start: int

    def place(self, found: re.Match[str] | None = None) -> Span:
        """Where the match in ``rest`` stands in the file, or the instruction's first line."""
        if found is None:
            return self.start, self.start + len(self.rest.split("\n", 1)[0])
        return self.start + found.start(), self.start + found.end()


@dataclass(slots=True)
class _Stage:
    base: str
    name: str
    instructions: list[_Instruction] = field(default_factory=list)

    def all(self, *words: str) -> list[_Instruction]:
        return [one for one in self.instructions if one.word in words]


_INSTRUCTION = re.compile(r"^[^\S\n]*([A-Za-z]+)[^\S\n]+((?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE)
_WORDS = frozenset(
    {
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "RUN",
        "SHELL",
        "USER",
        "VOLUME",
    }
    | {"LABEL", "STOPSIGNAL", "WORKDIR"}
)
_LONGEST = 4000  # characters of an instruction
_MOST = 400  # instructions
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?:^|\s)([A-Za-z_]\w*)(?==|\s|$)")
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")
_SET_BY_SHELL = re.compile(r"(?:^|[\s;&(])([A-Za-z_]\w*)=|\b(?:for|read)\s+([A-Za-z_]\w*)")
# Arguments that every stage knows.
_GIVEN = re.compile(r"(?:HTTPS?|FTP|NO|ALL)_PROXY|(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)", re.IGNORECASE)
_PACKAGES = re.compile(
    r"\b(?:apt-get\s+(?:-\S+\s+)*(?:install|update)|apk\s+(?:-\S+\s+)*add|(?:yum|dnf|microdnf)\s+(?:-\S+\s+)*install)\b"
)
_GLOBAL = re.compile(r"\bnpm\s+(?:install|i)\s+(?:-\S+\s+)*(?:-g|--global)\s(?![^;&|]*--prefix)")
_GO_BUILD = re.compile(r"\bgo\s+(?:build|install)\b")
_BUILD = re.compile(
    r"\b(?:npm\s+run\s+build|yarn\s+(?:run\s+)?build|pnpm\s+(?:run\s+)?build|npx\s+(?:tsc|webpack|vite)\b)"
)
_INSTALL = re.compile(r"\b(?:npm\s+(?:ci|install)|yarn\s+install|pnpm\s+install)\b(?!\s+-g)(?:\s+-\S+)*")
_DEPENDENCIES = re.compile(
    r"\b(?:npm\s+(?:ci|install)\b(?!\s+(?:-g|--global|[a-z@])|(?:\s+-\S+)*\s+[a-z@])|yarn\s+install|pnpm\s+install|pip3?\s+install\s+(?:-\S+\s+)*-r|"
    r"bundle\s+install|composer\s+install|go\s+mod\s+download|poetry\s+install|mvn\s+\S*dependency:\S+)"
)
_SMALL = re.compile(r"(?:^|/)(?:alpine\b|[^:/]+:[^/]*(?:alpine|slim)|scratch$|distroless/)")
_NO_SHELL = re.compile(r"^scratch$|distroless/(?!\S*debug)")
_NO_LIBRARY = re.compile(r"^scratch$|distroless/static|(?:^|/)alpine(?::|$)")
_SUDO = re.compile(r"(?:^|&&\s*|;\s*|\n\s*)(sudo)\s")

_ARGUMENT = Fault(
    "dockerfile-argument-of-other-stage",
    "An ARG before the first FROM holds for FROM alone, so the variable is empty here; declare it again in the stage.",
    "https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact",
    Severity.ERROR,
)
_LOST_ARGUMENT = Fault(
    "dockerfile-argument-lost",
    "An ARG ends with its stage, so the variable is empty here; declare it again in this stage.",
    "https://docs.docker.com/reference/dockerfile/#scope",
    Severity.ERROR,
)
_REPLACED = Fault(
    "dockerfile-command-replaced",
    "Only the last one of a stage counts, and another follows.",
    "https://docs.docker.com/reference/dockerfile/#cmd",
    Severity.ERROR,
)
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
_DISCARDED = Fault(
    "dockerfile-volume-changed-later",
    "What is written below a volume after VOLUME is discarded; write it before.",
    "https://docs.docker.com/reference/dockerfile/#volume",
    Severity.ERROR,
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


def faults(text: str) -> Iterator[tuple[Fault, Span]]:
    """Report what is wrong between the instructions of a Dockerfile without comments.

    Args:
        text: The file, with its comments replaced by spaces.

    Yields:
        The rule and the place, as offsets in ``text``.
    """
    arguments, stages = _parsed(text)
    for number, stage in enumerate(stages):
        before = stages[:number]
        yield from _variables(stage, arguments, before)
        for rule in (_commands, _shells, _users, _volumes, _order, _node, _ports, _sources):
            yield from rule(stage)
        yield from _copies(stage, before)
        if number == len(stages) - 1:
            yield from _last(stage)


def _parsed(text: str) -> tuple[dict[str, _Instruction], list[_Stage]]:
    """Split a file into the arguments before the first stage, and the stages."""
    arguments: dict[str, _Instruction] = {}
    stages: list[_Stage] = []
    count = 0
    for found in _INSTRUCTION.finditer(text):
        word = found[1].upper()
        if word not in _WORDS or len(found[2]) > _LONGEST:
            continue
        count += 1
        if count > _MOST:
            break
        one = _Instruction(word, found[2], found.start(2))
        if word == "FROM":
            named = _FROM.match(one.rest)
            stages.append(_Stage(named[1] if named else "", (named[2] or "") if named else ""))
        elif stages:
            stages[-1].instructions.append(one)
        elif word == "ARG":
            arguments |= dict.fromkeys(_ASSIGNED.findall(one.rest), one)
    return arguments, stages


def _variables(stage: _Stage, arguments: dict[str, _Instruction], before: list[_Stage]) -> Iterator[tuple[Fault, Span]]:
    known: set[str] = set()
    for names in _inherited(stage, before):
        known |= names
    elsewhere = {name for one in before for argument in one.all("ARG") for name in _ASSIGNED.findall(argument.rest)}
    for one in stage.instructions:
        if one.word in ("ARG", "ENV"):
            known |= set(_ASSIGNED.findall(one.rest))
        own = {name for pair in _SET_BY_SHELL.findall(one.rest) for name in pair}
        for used in _USED.finditer(one.rest):
            name = used[1]
            if (
                name in known
                or name in own
                or _GIVEN.fullmatch(name)
                or one.word in ("CMD", "ENTRYPOINT", "HEALTHCHECK")
            ):
                continue
            known.add(name)  # once is enough
            if name in arguments:
                yield _ARGUMENT, one.place(used)
            elif name in elsewhere:
                yield _LOST_ARGUMENT, one.place(used)


def _inherited(stage: _Stage, before: list[_Stage]) -> Iterator[set[str]]:
    """Yield the names that the stages below a stage leave to it."""
    parents = {one.name.lower(): one for one in before if one.name}
    current = parents.get(stage.base.lower())
    while current is not None:
        yield {name for one in current.all("ENV", "ARG") for name in _ASSIGNED.findall(one.rest)}
        del parents[current.name.lower()]
        current = parents.get(current.base.lower())


def _commands(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
    for word in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        for one in stage.all(word)[:-1]:
            yield _REPLACED, one.place()


def _shells(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
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


def _users(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
    user = "root"
    own_prefix = any(re.search(r"(?i)npm_config_prefix", one.rest) for one in stage.all("ENV"))
    for one in stage.instructions:
        if one.word == "USER":
            user = one.rest.strip().split(":")[0]
        elif one.word == "RUN" and user not in ("root", "0") and "$" not in user:
            found = _PACKAGES.search(one.rest) or (None if own_prefix else _GLOBAL.search(one.rest))
            if found and "sudo" not in one.rest[: found.start()]:
                yield _NO_RIGHTS, one.place(found)


def _volumes(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
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


def _order(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
    copies = stage.all("COPY", "ADD")
    whole = next((one for one in copies if re.match(r"(?:--(?!from)\S+\s+)*\.\s+\S+\s*$", one.rest)), None)
    if whole is None or any(one.start < whole.start for one in copies):
        return
    for one in stage.all("RUN"):
        found = _DEPENDENCIES.search(one.rest)
        if found and one.start > whole.start:
            yield _UNCACHED, whole.place()
            return


def _node(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
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


def _ports(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
    ports = [found[1] for one in stage.all("ENV") if (found := re.search(r"(?:^|\s)PORT[= ]\"?(\d+)", one.rest))]
    exposed = stage.all("EXPOSE")
    numbers = [number for one in exposed for number in re.findall(r"(?<![-\w])\d+", one.rest)]
    if len(ports) == 1 and len(numbers) == 1 and ports[0] != numbers[0]:
        yield _OTHER_PORT, exposed[0].place()


def _sources(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
    bash = False
    for one in stage.instructions:
        bash = bash or (one.word == "SHELL" and "bash" in one.rest)
        if one.word == "RUN" and not bash:
            found = re.search(r"(?:^|&&\s*|;\s*|\\\n\s*)(source)\s+\S+\s*(?:&&|;)", one.rest)
            if found and not re.search(r"\bbash\b", one.rest):
                yield _NO_SOURCE, one.place(found)


def _copies(stage: _Stage, before: list[_Stage]) -> Iterator[tuple[Fault, Span]]:
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


def _needs_library(stage: _Stage) -> bool:
    """Say whether a stage builds a Go program that may use the C library."""
    text = "\n".join(one.rest for one in stage.all("ENV", "ARG", "RUN"))
    if not re.match(r"(?:\S+/)?golang(?::|$)", stage.base) or re.search(r"CGO_ENABLED|netgo|-static|--platform", text):
        return False
    return _GO_BUILD.search(text) is not None and "alpine" not in stage.base


def _last(stage: _Stage) -> Iterator[tuple[Fault, Span]]:
    users = stage.all("USER")
    if users and users[-1].rest.strip().split(":")[0] in ("root", "0"):
        yield _ROOT, users[-1].place()
    for one in stage.all("HEALTHCHECK"):
        found = re.search(r"\bcurl\b", one.rest)
        runs = "\n".join(other.rest for other in stage.all("RUN", "COPY"))
        if found and _SMALL.search(stage.base) and "curl" not in runs:
            yield _NO_CURL, one.place(found)
