"""Reviews the open files, one task each: again whenever one is saved, or when git's index or HEAD changes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.uris import to_fs_path

from reviewer import config
from reviewer.config.repository import from_worktree
from reviewer.engine.manager import AIModelManager
from reviewer.errors import EngineError, GitError, ReviewerError
from reviewer.git import Repository
from reviewer.protocols.lsp.progress import WorkDone
from reviewer.protocols.lsp.shown import Shown
from reviewer.review import review_change
from reviewer.selection.source import from_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from pygls.lsp.server import LanguageServer

    from reviewer.config import Settings
    from reviewer.config.repository import RepositoryFiles
    from reviewer.diff import FileChange
    from reviewer.finding import Review
    from reviewer.selection.source import ChangeSource

_SETTLE = 0.05  # seconds; a client may open and save a file at once
# A limit, so that a review that is cancelled leaves the engine loading for the next one.
_LOADING = 3600.0
_GIT_FILES = ("index", "HEAD", "ORIG_HEAD")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file's uncommitted change.

    Attributes:
        source: The whole change, reduced to this file.
        change: This file's part; None if it has none.
        text: The new side's text; None if it has none.
    """

    repository: Repository
    settings: Settings
    files: RepositoryFiles
    source: ChangeSource
    change: FileChange | None
    text: str | None


@dataclass(slots=True, eq=False)
class OpenFile:
    """An open file.

    Attributes:
        change: What the last review was about; None before the first one.
        shown: That review, as far as it is made.
        problem: Why the last review failed; empty where it did not.
        noted: The remarks that were logged.
    """

    uri: str
    path: Path
    change: FileChange | None = None
    shown: Shown | None = None
    repository: Repository | None = None
    task: asyncio.Task[None] | None = None
    problem: str = ""
    noted: set[str] = field(default_factory=set)


def path_of(uri: str) -> Path | None:
    """Return the path of a file URI; None for other documents, such as unsaved ones."""
    if urlsplit(uri).scheme != "file":
        return None
    found = to_fs_path(uri) if os.name == "nt" else unquote(urlsplit(uri).path, errors="surrogateescape")
    return Path(found) if found else None


def load_settings(repository: Repository | None, flags: Mapping[str, object]) -> Settings:
    """Read the settings; a summary of the whole change is not shown in an editor.

    Raises:
        ConfigError: A file, variable or flag is wrong.
    """
    settings = config.load(repository.root if repository else None, os.environ, flags)
    return dataclasses.replace(settings, summary="off")


def prepare(path: Path, flags: Mapping[str, object]) -> Prepared:
    """Read a file's uncommitted change.

    Raises:
        GitError: There is no repository around it, or git failed.
        ConfigError: The settings are wrong.
    """
    folder = path.parent.resolve()
    repository = Repository.discover(folder)
    settings = load_settings(repository, flags)
    source = from_repository(repository, repository.uncommitted())
    name = (folder / path.name).relative_to(repository.root.resolve()).as_posix()
    own = tuple(file for file in source.change.files if file.path == name)
    source = dataclasses.replace(source, change=dataclasses.replace(source.change, files=own))
    text = source.read(name) if own else None
    return Prepared(
        repository, settings, from_worktree(repository, settings.rule_files), source, own[0] if own else None, text
    )


class Reviews:
    """The reviews of all open files.

    Args:
        server: Its client is told what goes wrong.
        flags: Settings from the command line.
        show: Called whenever ``OpenFile.shown`` has changed.
    """

    def __init__(self, server: LanguageServer, flags: Mapping[str, object], show: Callable[[OpenFile], None]) -> None:
        self._server = server
        self._flags = flags
        self._show = show
        self._files: dict[str, OpenFile] = {}  # by decoded URI: clients encode differently
        self._watches: dict[Path, asyncio.Task[None]] = {}
        self._looks: set[asyncio.Task[None]] = set()

    def get(self, uri: str) -> OpenFile | None:
        """Return an open file."""
        return self._files.get(unquote(uri))

    def open(self, uri: str) -> None:
        """Review a file and keep its review up to date."""
        path = path_of(uri)
        if path is not None:
            self._files.setdefault(unquote(uri), OpenFile(uri, path))
            self.start(uri)

    def start(self, uri: str) -> None:
        """Review a file as it is saved now; an earlier review of it is cancelled."""
        file = self.get(uri)
        if file is not None:
            if file.task is not None:
                file.task.cancel()
            file.task = asyncio.create_task(self._guarded(file, self._review(file)))

    def close(self, uri: str) -> None:
        """Stop reviewing a file."""
        file = self._files.pop(unquote(uri), None)
        if file is not None and file.task is not None:
            file.task.cancel()
        used = {one.repository.git_dir for one in self._files.values() if one.repository is not None}
        for folder in self._watches.keys() - used:
            self._watches.pop(folder).cancel()

    def stop(self) -> None:
        """Stop everything."""
        for uri in list(self._files):
            self.close(uri)

    async def _guarded(self, file: OpenFile, work: Coroutine[None, None, None]) -> None:
        """Report what goes wrong, once until it changes."""
        try:
            await work
        except EngineError as problem:
            self._tell(file, problem, types.MessageType.Log)
        except GitError as problem:
            self._clear(file)
            self._tell(file, problem, types.MessageType.Log)
        except ReviewerError as problem:
            self._tell(file, problem, types.MessageType.Warning)
        except Exception as bug:
            self._tell(file, ReviewerError(f"internal error: {type(bug).__name__}: {bug}"), types.MessageType.Error)
            raise

    async def _review(self, file: OpenFile) -> None:
        await asyncio.sleep(_SETTLE)
        file.change = None
        prepared = await asyncio.to_thread(prepare, file.path, self._flags)
        file.repository, file.change = prepared.repository, prepared.change
        self._watch(prepared.repository.git_dir)
        if prepared.change is None:
            self._clear(file)
            return
        settings = prepared.settings

        def show(review: Review) -> None:
            file.shown = Shown(review, prepared.text or "", explanations=settings.explanations)
            self._show(file)
            for note in review.notes:
                self._log(file, note)

        manager = AIModelManager(settings.model_config, keep_warm=True, may_start=settings.start_engine)
        async with WorkDone(self._server) as progress:
            review = await review_change(
                prepared.source,
                settings,
                files=prepared.files,
                progress=progress,
                wait=_LOADING,
                manager=manager,
                early=show,
            )
        show(review)
        if review.unavailable is not None:
            raise review.unavailable
        file.problem = ""

    def _clear(self, file: OpenFile) -> None:
        file.shown = None
        self._show(file)

    def _watch(self, git_dir: Path) -> None:
        if git_dir not in self._watches:
            self._watches[git_dir] = asyncio.create_task(self._listen(git_dir))

    async def _listen(self, git_dir: Path) -> None:
        """Look at the repository's open files again when something is staged, committed or checked out."""
        from watchfiles import awatch

        names = {str(git_dir / name) for name in _GIT_FILES}
        with contextlib.suppress(FileNotFoundError):  # the repository was removed
            async for _ in awatch(git_dir, recursive=False, watch_filter=lambda _, path: path in names):
                for file in list(self._files.values()):
                    if file.repository is not None and file.repository.git_dir == git_dir:
                        look = asyncio.create_task(self._guarded(file, self._look(file)))
                        self._looks.add(look)
                        look.add_done_callback(self._looks.discard)

    async def _look(self, file: OpenFile) -> None:
        """Review a file again if its change is another one; ``git status`` rewrites the index too."""
        before = file.change
        prepared = await asyncio.to_thread(prepare, file.path, self._flags)
        if self.get(file.uri) is file and file.change is before and prepared.change != before:
            self.start(file.uri)

    def _tell(self, file: OpenFile, problem: ReviewerError, level: types.MessageType) -> None:
        text = "\n".join(part for part in (problem.message, problem.hint) if part)
        if text == file.problem:
            return
        file.problem = text
        if level is types.MessageType.Log:
            self._server.window_log_message(types.LogMessageParams(types.MessageType.Log, text))
        else:
            self._server.window_show_message(types.ShowMessageParams(level, f"reviewer: {text}"))

    def _log(self, file: OpenFile, note: str) -> None:
        if note not in file.noted:
            file.noted.add(note)
            self._server.window_log_message(types.LogMessageParams(types.MessageType.Info, note))
