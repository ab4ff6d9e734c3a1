"""Links from ``path:line`` to the file, for terminals that understand OSC 8.

A terminal that does not may print the sequence, and none can be asked, so known ones are recognised by the variables
that they set. FORCE_HYPERLINK, as other programs read it, decides otherwise.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "rio", "mintty", "Tabby"})
_TERMS = frozenset({"xterm-kitty", "xterm-ghostty", "alacritty", "foot", "foot-extra", "contour", "wezterm", "rio"})
_VARIABLES = ("KITTY_WINDOW_ID", "WT_SESSION", "DOMTERM", "WEZTERM_PANE", "ALACRITTY_WINDOW_ID")
_VTE = 5000  # VTE 0.50: GNOME Terminal, Tilix, Xfce Terminal
_KONSOLE = 201200
_LINK = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")


def supported(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to show links."""
    forced = environment.get("FORCE_HYPERLINK", "")
    if forced:
        return forced != "0"
    return (
        environment.get("TERM_PROGRAM") in _PROGRAMS
        or environment.get("TERM") in _TERMS
        or any(environment.get(name) for name in _VARIABLES)
        or _number(environment, "VTE_VERSION") >= _VTE
        or _number(environment, "KONSOLE_VERSION") >= _KONSOLE
    )


def url(root: Path, path: str) -> str:
    """The ``file:`` URL of a file of a working tree; empty where it is outside or its name cannot be displayed.

    Args:
        root: The top of the working tree.
        path: As a report shows it, ``/`` between parts.
    """
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\ufffd" in path or "<U+" in path:
        return ""
    return Path(os.path.abspath(root), *relative.parts).as_uri()  # noqa: PTH100 - no link is to be followed


def without(text: str) -> str:
    """Remove the links from a text."""
    return _LINK.sub("", text)


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else 0
