"""Writes a finished review to standard output or to a file, and returns the verdict."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer import files
from reviewer.errors import UsageError
from reviewer.report import FORMATS, WITHOUT_NOTES, RenderOptions, gate, view
from reviewer.terminal import links, output, pager

if TYPE_CHECKING:
    from reviewer.config import Settings
    from reviewer.errors import ExitCode
    from reviewer.finding import Review


def emit(
    review: Review,
    settings: Settings,
    destination: Path | None = None,
    *,
    root: Path | None = None,
    advisory: bool = False,
    offers: bool = False,
    quiet: bool = False,
    paged: bool = False,
    stat: bool = False,
) -> ExitCode:
    """Write a review in the settings' format and return the verdict.

    Args:
        review: What to write.
        settings: Names the format and the gate.
        destination: A file; None is standard output.
        root: The working tree under review, if any; see ``write_file``.
        advisory: Whether the verdict is only reported.
        offers: Whether the review was stored, so that commands can use its ids.
        quiet: Print nothing if nothing was found and everything was read.
        stat: Whether to list files instead of showing code.
        paged: Whether a text that is longer than the terminal may be shown through the user's pager.

    Raises:
        UsageError: The file cannot be written.
    """
    verdict = gate.judge(review, settings)
    if quiet and destination is None and settings.format == "text" and is_clean(review):
        return verdict
    on_terminal = destination is None
    how: dict[str, Any] = {
        "on_terminal": on_terminal,
        "advisory": advisory,
        "offers": offers,
        "root": root,
        "stat": stat,
    }
    text = render(review, settings, settings.format, verdict, **how)
    if destination is None:
        if not (paged and pager.page(text.rstrip("\n"), _configured_pager)):
            output.say(text.rstrip("\n"), commands=settings.format == "github")
    else:
        write_file(destination, text, root=root)
    note_aside(review, settings.format)
    return verdict


def note_aside(review: Review, format_name: str) -> None:
    """Write the review's notes to standard error if its format has no place for them."""
    if format_name in WITHOUT_NOTES:
        for note in review.notes:
            output.note(view.safe(note))


def _configured_pager() -> str:
    from reviewer.git.command import user_setting

    return user_setting(Path.cwd(), "core.pager")


def is_clean(review: Review) -> bool:
    """Whether nothing was found, and everything was read."""
    return not (review.shown or review.not_read or review.unavailable)


def render(
    review: Review,
    settings: Settings,
    format_name: str,
    verdict: ExitCode,
    *,
    on_terminal: bool = False,
    advisory: bool = False,
    offers: bool = False,
    root: Path | None = None,
    stat: bool = False,
) -> str:
    """Render a review in one format; 80 columns without colour and links unless it is for the terminal."""
    color = on_terminal and output.colour_wanted()
    options = RenderOptions(
        width=output.width() if on_terminal else 80,
        stat=stat,
        color=color,
        root=root if color and output.is_terminal() and links.supported() else None,
        ascii=on_terminal and not output.can_draw(),
        show_explanations=settings.explanations,
        fail_on=gate.severity(settings),
        verdict=verdict,
        advisory=advisory,
        offers=offers,
    )
    return FORMATS[format_name](review, options)


def write_file(path: Path, text: str, *, root: Path | None = None) -> None:
    """Write a report atomically and create its folder.

    Outside ``root`` the user's links are followed, and devices and pipes are written to.

    Args:
        path: The file.
        text: Its contents.
        root: A working tree. The change under review can bring links, so below it none is followed, and whatever is
            at ``path`` is replaced.

    Raises:
        UsageError: It cannot be written.
    """
    data = text.encode("utf-8", "replace")
    path = Path(os.path.abspath(path))  # noqa: PTH100 - removes "..", which Path.absolute keeps
    below = None if root is None else _outermost_inside(path, root.resolve())
    try:
        if below is not None:
            _make_folders(path.parent, below)
            files.write(path, data, mode=None, below=below)
        elif path.exists() and not path.is_file():
            _write_special(path, data)
        else:
            path.resolve().parent.mkdir(parents=True, exist_ok=True)
            files.write(path, data, mode=None, follow_link=True)
    except OSError as problem:
        raise UsageError(f"cannot write {path}: {_reason(problem)}") from problem


def _outermost_inside(path: Path, root: Path) -> Path | None:
    """The outermost folder of ``path`` that is in ``root``; the links that lead there are the user's own."""
    return next((folder for folder in reversed(path.parents) if folder.resolve().is_relative_to(root)), None)


def _make_folders(folder: Path, below: Path) -> None:
    for parent in reversed([folder, *folder.parents]):
        if parent != below and parent.is_relative_to(below):
            if parent.is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            parent.mkdir(exist_ok=True)


def _write_special(path: Path, data: bytes) -> None:
    """Write to a device or a pipe; a FIFO without a reader fails instead of blocking."""
    handle = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "wb") as stream:
        if hasattr(os, "set_blocking"):
            os.set_blocking(handle, True)
        stream.write(data)


def _reason(problem: OSError) -> str:
    match problem.errno:
        case errno.ENXIO:
            return "no process is reading it"
        case errno.ELOOP | errno.ENOTDIR:
            return "a folder on its path is a symbolic link or not a folder"
    return problem.strerror or str(problem)
