"""What the reviewing verbs have in common: finding the change, making what is missing, writing the review out."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.errors import UsageError
from reviewer.terminal import output

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from reviewer.config import Settings
    from reviewer.config.customs import Customs
    from reviewer.context.index import DefinitionIndex
    from reviewer.diff import Change
    from reviewer.errors import ExitCode
    from reviewer.finding import Review, Severity
    from reviewer.git import Repository, Target
    from reviewer.terminal.progress import Progress


@dataclass(frozen=True, slots=True)
class Source:
    """A change, the new side of its files, what the other files define, and what git's attributes say of them."""

    change: Change
    read: Callable[[str], str | None]
    index: DefinitionIndex | None = None
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def load_settings(
    repository: Repository | None, flags: Mapping[str, object], defaults: Mapping[str, object] | None = None
) -> Settings:
    """Read the settings in force here, and say what is odd about them.

    Raises:
        ConfigError: A file, variable or flag is wrong.
    """
    from reviewer import config

    settings = config.load(repository.root if repository else None, os.environ, flags, defaults=defaults)
    for remark in settings.notes:
        output.note(remark)
    return settings


def here() -> Repository | None:
    """The repository around the current folder, if there is one."""
    from reviewer.errors import GitError
    from reviewer.git import Repository

    try:
        return Repository.discover()
    except GitError:
        return None


def from_repository(repository: Repository, target: Target, *, attributes_from: str | None = None) -> Source:
    """Read a change from git; files are fetched together, when the first of them is asked for.

    Args:
        repository: Where it is.
        target: What is reviewed.
        attributes_from: A revision whose ``.gitattributes`` count instead of those under review.
    """
    import functools

    from reviewer import diff
    from reviewer.context.index import DefinitionIndex
    from reviewer.selection import skipping

    change = diff.parse(repository.patch(target), target.subject)
    paths = [file.path for file in change.files]
    attributes = repository.attributes(target, skipping.ATTRIBUTES, paths, revision=attributes_from)

    @functools.cache
    def fetched() -> dict[str, bytes | None]:
        return repository.contents(target, [file.path for file in change.files if file.hunks])

    # One text per file for good: what is known of it is found again by the text itself.
    @functools.cache
    def read(path: str) -> str | None:
        files = fetched()
        data = files[path] if path in files else repository.content(target, path)
        return None if data is None else diff.decode(data)

    return Source(change, read, DefinitionIndex(repository, target), attributes)


def from_patch(patch: bytes, subject: str) -> Source:
    """Read a change from a patch; there are no whole files to go with it."""
    from reviewer import diff

    return Source(diff.parse(patch, subject), lambda _: None)


def make_review(
    source: Source,
    settings: Settings,
    customs: Customs,
    *,
    wait: float | None = None,
    deadline: float | None = None,
    install: bool = False,
    message: bool = False,
) -> Review:
    """Review a change, with progress on standard error; ``review.review_change`` tells what the arguments mean.

    Raises:
        EngineError: Answers are needed and no engine can give any.
        TemplateError: A prompt template is wrong.
    """
    import asyncio

    from reviewer.review import review_change

    with output.progress() as progress:
        if install:
            provision(settings, progress)
        return asyncio.run(
            review_change(
                source.change,
                source.read,
                settings,
                customs=customs,
                attributes=source.attributes,
                progress=progress,
                wait=wait,
                deadline=deadline,
                index=source.index,
                message=message,
            )
        )


def provision(settings: Settings, progress: Progress) -> None:
    """Install the engine and the model that the settings name, where they are missing or damaged.

    Raises:
        EngineError: One of them cannot be installed.
    """
    from reviewer.engine.install import environment
    from reviewer.engine.models.store import ModelStore
    from reviewer.errors import EngineNotInstalledError

    if settings.url:  # whoever runs that server keeps its model
        return
    try:
        engine = environment.find(python=settings.python, device=settings.device)
    except EngineNotInstalledError:
        if settings.python:  # an interpreter that was named and is wrong is for its owner to mend
            raise
        engine = environment.install(settings.device, progress=progress)
    ModelStore().install(settings.model_config.model_id, python=engine.python, progress=progress)


def severity(settings: Settings) -> Severity | None:
    """The gate's severity; None where nothing fails."""
    from reviewer.finding import Severity

    return None if settings.fail_on is None else Severity(settings.fail_on)


def keep(repository: Repository, target: Target, source: Source, review: Review, masked: Collection[str] = ()) -> bool:
    """Keep a review under its ids for ``reviewer apply`` and ``reviewer dismiss``.

    Returns:
        Whether to offer those; a log of a CI machine is read elsewhere.
    """
    from reviewer.applying import last

    kept = last.keep(repository, target, review, source.read, masked=masked)
    return kept and not os.environ.get("CI")


def emit(
    review: Review,
    settings: Settings,
    destination: Path | None = None,
    *,
    advisory: bool = False,
    offers: bool = False,
) -> ExitCode:
    """Write a review in the settings' format and return the gate's verdict.

    Args:
        review: What to write.
        settings: Name the format and the gate.
        destination: A file instead of standard output.
        advisory: The verdict will stop nothing; the report says so.
        offers: The review was kept, so that its ids can be named.
    """
    verdict = judge(review, settings)
    on_terminal = destination is None
    text = render(review, settings, settings.format, verdict, on_terminal=on_terminal, advisory=advisory, offers=offers)
    if destination is None:
        output.say(text.rstrip("\n"))
    else:
        write_file(destination, text)
    return verdict


def judge(review: Review, settings: Settings) -> ExitCode:
    """What the review means for the exit code."""
    from reviewer.report import gate

    return gate.exit_code(review, fail_on=severity(settings), require=settings.require)


def render(
    review: Review,
    settings: Settings,
    format_name: str,
    verdict: ExitCode,
    *,
    on_terminal: bool = False,
    advisory: bool = False,
    offers: bool = False,
) -> str:
    """Write a review in one format; off the terminal without colour and 80 columns wide."""
    from reviewer.report import FORMATS, RenderOptions

    options = RenderOptions(
        width=output.width() if on_terminal else 80,
        color=on_terminal and output.colour_wanted(),
        ascii=on_terminal and not output.can_draw(),
        show_explanations=settings.explanations,
        fail_on=severity(settings),
        verdict=verdict,
        advisory=advisory,
        offers=offers,
    )
    return FORMATS[format_name](review, options)


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all; an earlier one survives a failure.

    Raises:
        UsageError: It cannot be written.
    """
    data = text.encode("utf-8", "replace")
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            path.write_bytes(data)  # a pipe or a device cannot be renamed over
            return
        target = path.resolve()  # a link stays a link
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            aside.write_bytes(data)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {problem.strerror}") from problem
