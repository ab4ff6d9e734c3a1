"""Runs analyzers side by side on copies of the reviewed content. A broken one is a note, never a failure."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer.diff import printable
from reviewer.evidence.analyzers import formats, process
from reviewer.evidence.analyzers.spec import FILES, Format, Spec
from reviewer.evidence.analyzers.workspace import Workspace
from reviewer.git.command import native

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic
    from reviewer.evidence.reviewed import ReviewedFile

_BATCH_LENGTH = 24_000  # characters of file names in one command; Windows allows 32,767 in all
_BATCH_FILES = 400
_MAX_TREE_BYTES = 512 * 1024 * 1024
_MAX_TREE_FILES = 50_000
_AT_ONCE = 4
_QUOTED = 200  # characters of an analyzer's own error
# Set for git's hooks: an analyzer that calls git must not reach the user's index through them.
_DROPPED = ("GIT_", "REVIEWER_", "BETTERLEAKS_", "GITLEAKS_", "SHELLCHECK_OPTS", "RUFF_", "PYTHONPATH", "PYTHONHOME")

Tree = Callable[[], Mapping[str, bytes]]
"""Returns every file of a side by path."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all analyzers of one run share.

    Attributes:
        root: Folder that a command with a ``/`` in its program is relative to; None refuses such commands.
        timeout: Seconds for an analyzer that sets no limit of its own.
        untrusted: Whether the content is a stranger's, so that no analyzer may run which runs code of the tree.
        cancelled: Ends every analyzer when set.
    """

    root: Path | None = None
    timeout: float = 30.0
    untrusted: bool = False
    cancelled: threading.Event = dataclasses.field(default_factory=threading.Event)


class _BrokenError(Exception):
    """An analyzer gave no result; the message is for the note."""


def analyze(
    specs: Iterable[Spec], files: Sequence[ReviewedFile], tree: Tree | None, setting: Setting
) -> tuple[list[Diagnostic], list[str]]:
    """Run the analyzers that read any of the files.

    Args:
        specs: The analyzers.
        files: Files of one side.
        tree: The rest of that side, for analyzers that need it; None where there is none.
        setting: What they share.

    Returns:
        Their diagnostics, by paths of the change, and a note for each analyzer that gave no result.
    """
    wanted = [
        (spec, own) for spec in specs if (own := [file for file in files if spec.reads(file.path, file.language.name)])
    ]
    found: list[Diagnostic] = []
    notes: list[str] = []
    if not wanted:
        return found, notes
    pool = ThreadPoolExecutor(min(_AT_ONCE, len(wanted)), thread_name_prefix="analyzer")
    try:
        for spec, outcome in zip(
            (spec for spec, _ in wanted),
            pool.map(lambda one: _outcome(one[0], one[1], tree, setting), wanted),
            strict=True,
        ):
            if isinstance(outcome, str):
                notes.append(f"{spec.name}: {outcome}")
            else:
                found += outcome
    except BaseException:
        setting.cancelled.set()
        raise
    finally:
        pool.shutdown()
    return found, notes


def _outcome(spec: Spec, files: Sequence[ReviewedFile], tree: Tree | None, setting: Setting) -> list[Diagnostic] | str:
    try:
        return _run(spec, files, tree, setting)
    except _BrokenError as error:
        return printable(str(error))
    except OSError as error:
        return f"cannot be run: {error.strerror}"


def _run(spec: Spec, files: Sequence[ReviewedFile], tree: Tree | None, setting: Setting) -> list[Diagnostic]:
    if setting.untrusted and spec.runs_code:
        raise _BrokenError("not run, because it can run code of the change under review")
    program = _program(spec, setting.root)
    found: list[Diagnostic] = []
    with Workspace() as workspace:
        if spec.tree:
            workspace.write(_whole(tree))
        refused = workspace.write({file.path: _bytes(file) for file in files})
        names = [native(f"./{workspace.name_of(file.path)}") for file in files if file.path not in refused]
        for batch in _batches(names) if FILES in spec.command else [()] if names else []:
            argv = [part for word in spec.command[1:] for part in (batch if word == FILES else (word,))]
            found += _located(_checked(spec, [program, *argv], workspace, setting), workspace)
    return found


def _whole(tree: Tree | None) -> Mapping[str, bytes]:
    if tree is None:
        raise _BrokenError("not run, because the whole tree is not available here")
    files = tree()
    if len(files) > _MAX_TREE_FILES or sum(map(len, files.values())) > _MAX_TREE_BYTES:
        raise _BrokenError("not run, because the tree is too large to copy")
    return files


def _bytes(file: ReviewedFile) -> bytes:
    return file.text.encode("utf-8", "surrogateescape")


def _batches(names: Sequence[str]) -> Iterable[Sequence[str]]:
    batch: list[str] = []
    for name in names:
        if batch and (len(batch) == _BATCH_FILES or sum(map(len, batch)) + len(name) > _BATCH_LENGTH):
            yield batch
            batch = []
        batch.append(name)
    if batch:
        yield batch


def _checked(spec: Spec, argv: Sequence[str], workspace: Workspace, setting: Setting) -> list[Diagnostic]:
    timeout = setting.timeout if spec.timeout is None else spec.timeout
    ended = process.run(argv, cwd=workspace.root, env=_environment(), timeout=timeout, cancelled=setting.cancelled)
    if ended.stopped:
        raise _BrokenError(f"stopped, because {ended.stopped}")
    try:
        found = formats.read(spec, ended.out)
    except formats.UnreadableOutputError as error:
        raise _BrokenError(_failed(str(error), ended)) from error
    # Most analyzers exit with 1 when they report something; with nothing reported, it means that they failed.
    if ended.status and not found and not _reports_nothing(spec, ended.out):
        raise _BrokenError(_failed(f"failed with exit status {ended.status}", ended))
    return found


def _reports_nothing(spec: Spec, out: bytes) -> bool:
    """Whether a document was written that may well be without results that count."""
    return bool(out.strip()) and spec.format not in (Format.LINES, Format.RDJSONL)


def _failed(what: str, ended: process.Ended) -> str:
    return f"{what} ({ended.tail[:_QUOTED]})" if ended.tail else what


def _located(found: Iterable[Diagnostic], workspace: Workspace) -> list[Diagnostic]:
    """Keep the diagnostics of copied files, by their paths in the change."""
    located = []
    for one in found:
        path = workspace.path_of(one.path)
        if path is not None and one.line:
            located.append(dataclasses.replace(one, path=path))
    return located


def _program(spec: Spec, root: Path | None) -> str:
    """Find an analyzer's program: beside this Python for bundled ones, then as the user's own shell would."""
    name = spec.command[0]
    if os.path.isabs(name):  # noqa: PTH117 - a string, as the configuration gives it
        found = name if Path(name).is_file() else None
    elif "/" in name or "\\" in name:
        found = str(root / name) if root is not None and (root / name).is_file() else None
    else:
        beside = os.pathsep.join((str(Path(sys.executable).parent), sysconfig.get_path("scripts")))
        found = (shutil.which(name, path=beside) if spec.bundled else None) or shutil.which(name)
    # A relative entry of PATH, or Windows' habit of looking here first, must not find a program in the tree.
    if found is None or not os.path.isabs(found):  # noqa: PTH117
        raise _BrokenError(f"{printable(name)} is not installed")
    return found


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
