"""What other files of the revision say about a unit: the definitions that it calls, and who calls what it changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.context import match
from reviewer.context.index import eligible
from reviewer.context.nearby import File, Place, resolved
from reviewer.context.piece import Piece, Role
from reviewer.diff import LineKind
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reviewer.context.index import DefinitionIndex, Found
    from reviewer.syntax import Call, Outline

_MOST_DEFINITIONS = 6
_MOST_CALLERS = 6
_CALLER_FILES = 12  # that are read to find the calling lines
_CALL_ROWS = 3
_SHORTEST = 4  # characters of a method's name that may be told apart by the name alone


def definitions(place: Place, index: DefinitionIndex) -> Iterator[Piece]:
    """The definitions in other files that the added lines call, and the imported ones that they name."""
    wanted = [call for call in place.calls if not resolved(place, call)]
    bound = {name: path for one in place.file.imports for name, path in one.names}
    named = [name for name in sorted(place.said) if name in bound and name not in place.file.outlines]
    names = {call.name for call in wanted} | {bound[name][-1] for name in named}
    names |= {call.receiver[-1] for call in wanted if call.name == "new" and call.receiver}
    if not names:
        return
    by_name: dict[str, list[Found]] = {}
    for one in index.find(names):
        if one.path != place.unit.path and _kin(one.path, place):
            by_name.setdefault(one.name.rpartition(".")[2], []).append(one)
    seen: set[tuple[str, int]] = set()
    for one in _chosen(place, wanted, named, bound, by_name):
        if (one.path, one.line) not in seen:
            seen.add((one.path, one.line))
            yield Piece(Role.DEFINITION, one.path, one.line, one.name, one.text)
        if len(seen) == _MOST_DEFINITIONS:
            return


def callers(place: Place, index: DefinitionIndex | None) -> Iterator[Piece]:
    """The calls of each function whose signature the unit changes, those in its own file first."""
    count = 0
    for changed in _changed_signatures(place):
        for piece in _calling(place, changed, index):
            yield piece
            count += 1
            if count == _MOST_CALLERS:
                return


def _chosen(
    place: Place,
    calls: list[Call],
    named: list[str],
    bound: dict[str, tuple[str, ...]],
    by_name: dict[str, list[Found]],
) -> Iterator[Found]:
    for call in calls:
        candidates = by_name.get(call.name, [])
        if call.name == "new" and call.receiver and not candidates:
            candidates = by_name.get(call.receiver[-1], [])
        root = call.receiver[0] if call.receiver else call.name
        yield from _best(place, candidates, bound.get(root), call)
    for name in named:
        yield from _best(place, by_name.get(bound[name][-1], []), bound[name], None)


def _best(place: Place, candidates: list[Found], target: tuple[str, ...] | None, call: Call | None) -> list[Found]:
    """The one definition that is meant, as far as names can tell; none rather than a wrong one."""
    if call is not None and call.receiver:
        exact = [one for one in candidates if one.name.endswith(f"{call.receiver[-1]}.{call.name}")]
        candidates = exact or candidates
    elif call is not None:
        candidates = [one for one in candidates if one.kind != "method"] or candidates
    if target is not None:
        # An import says where to look; a definition of the name anywhere else is another's.
        return [one for one in candidates if match.leads_to(target, one.path)][:1]
    near = [
        one
        for one in candidates
        if match.same_folder(one.path, place.unit.path) or match.any_leads_to(place.file.imports, one.path)
    ]
    telling = call is not None and len(call.name) >= _SHORTEST
    # Two that lie near, or one of a name that is also elsewhere: whose it is would be a guess.
    meant = near or (candidates if telling else [])
    return meant if len(meant) == 1 else []


def _kin(path: str, place: Place) -> bool:
    return eligible.family(detect(path)) == eligible.family(place.unit.language)


def _changed_signatures(place: Place) -> Iterator[Outline]:
    """The functions that were there before and whose signature an added line belongs to."""
    added = frozenset(place.unit.added)
    removed = "\n".join(line.text for line in place.unit.lines if line.kind is LineKind.REMOVED)
    if not removed:
        return
    found = (place.file.by_signature.get(row) for row in place.unit.added)
    for one in dict.fromkeys(one for one in found if one is not None and one.scope.kind != "class"):
        name_row = next((row for row in one.signature if one.name in place.file.lines[row - 1]), one.scope.start)
        if name_row not in added or re.search(rf"(?<!\w){re.escape(one.name)}(?!\w)", removed):
            yield one


def _calling(place: Place, changed: Outline, index: DefinitionIndex | None) -> Iterator[Piece]:
    name = changed.name
    # A class is called by its own name, not by its constructor's.
    if name in ("__init__", "constructor", "initialize", "__construct"):
        name = changed.scope.name.rpartition(".")[0].rpartition(".")[2]
    yield from _calls_in(place.file, name, place.shown)
    if index is None:
        return
    paths = [path for path in index.callers(name) if path != place.unit.path and _kin(path, place)]
    paths.sort(key=lambda path: not match.same_folder(path, place.unit.path))
    unique = len({(one.path, one.line) for one in index.find([name]) if _kin(one.path, place)}) == 1
    for path in paths[:_CALLER_FILES]:
        text = index.text(path)
        file = File(path, detect(path, text), text)
        if (
            match.same_folder(path, place.unit.path)
            or match.any_leads_to(file.imports, place.unit.path)
            or (unique and len(name) >= _SHORTEST)
        ):
            yield from _calls_in(file, name, frozenset())


def _calls_in(file: File, name: str, hidden: frozenset[int]) -> Iterator[Piece]:
    for call in file.references.calls:
        if call.name != name:
            continue
        around = syntax.enclosing(file.language, file.text, call.start)
        rows = range(call.start, min(call.end, call.start + _CALL_ROWS - 1) + 1)
        if not hidden.isdisjoint(rows):
            continue
        piece = file.piece(Role.CALLER, around.name if around is not None else "", rows, hidden)
        if piece is not None:
            yield piece
