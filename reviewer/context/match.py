"""Whether an import may lead to a file: by the last parts of both, since no build system is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.syntax import Import

# Files that stand for their folder.
_FOLDERS = frozenset(("__init__", "index", "mod", "lib", "main"))
_COMPARED = 2  # parts; a longer agreement says no more


def same_folder(one: str, other: str) -> bool:
    """Whether two paths lie in one folder."""
    return one.rpartition("/")[0] == other.rpartition("/")[0]


def leads_to(target: tuple[str, ...], path: str) -> bool:
    """Whether a path of names may mean a file, a folder that it is in, or a name in it."""
    *folders, name = path.split("/")
    stem = name.partition(".")[0]
    module = (*folders, *(() if stem in _FOLDERS and folders else (stem,)))
    return any(
        _ends_alike(wanted, place)
        for wanted in (target, target[:-1])
        for place in (module, tuple(folders))
        if wanted and place
    )


def any_leads_to(imports: Iterable[Import], path: str) -> bool:
    """Whether one of a file's imports may lead to another file."""
    return any(leads_to(module, path) for one in imports for module in one.modules)


def _ends_alike(wanted: tuple[str, ...], place: tuple[str, ...]) -> bool:
    length = min(len(wanted), len(place), _COMPARED)
    return wanted[-length:] == place[-length:]
