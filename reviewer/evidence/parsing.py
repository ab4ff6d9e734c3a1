"""Whether a file still parses with a fix, also in languages that the rest of the package has no grammar for.

Terraform, Swift, HTML, CSS, Lua, Elixir, Scala and Solidity are parsed by ast-grep, YAML by PyYAML, and a Dockerfile as
far as that takes no parser of its own. Nothing parses SQL.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from reviewer import syntax
from reviewer.evidence import rules
from reviewer.evidence.manifests import documents
from reviewer.evidence.reviewed import ReviewedFile
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yaml.nodes import Node

# What is not closed goes to the end of the text; a search for each opening again would take quadratic time.
_HEREDOC = re.compile(r"(<<-?[\"']?(\w+)[\"']?[^\n]*\n)(.*?(?:^\t*\2$|\Z))", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"^[^\S\n]*(?:#.*)?\n", re.MULTILINE)  # and blank lines, which end no instruction either
_LINE = re.compile(r"(?:[^\n]*\\\n)*[^\n]*\n?")
_INSTRUCTION = re.compile(
    r"\s*(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER"
    r"|VOLUME|WORKDIR)\s",
    re.IGNORECASE,
)
_RUN, _FLAGS = frozenset({"RUN", "CMD", "ENTRYPOINT"}), re.compile(r"\A\s*(?:--\S+\s+)*")


def new_errors(path: str, language: str, before: str, after: str) -> int | None:
    """Count the syntax errors that a fix adds, at least 0; None where nothing parses the language.

    Args:
        path: The file's path.
        language: The name of its language.
        before: The whole text.
        after: The whole text with the fix.
    """
    if language == "dockerfile":
        return _dockerfile(before, after)
    if language == "yaml" and documents.composed(before) is not None:
        return int(documents.composed(after) is None)
    counted = syntax.new_errors(language, before, after)
    if counted is not None:
        return counted
    old, new = (rules.errors(ReviewedFile(path, detect(path, side), side)) for side in (before, after))
    return None if old is None or new is None else max(0, new - old)


def moves(language: str, before: str, after: str) -> bool:
    """Say whether lines of a YAML file that a fix does not change lie at another level with it.

    Nearly every text is YAML, so that a wrong indentation goes unnoticed by a parser.
    """
    if language != "yaml":
        return False
    old, new = documents.composed(before), documents.composed(after)
    if old is None or new is None:
        return False
    first, last = _same(before.split("\n"), after.split("\n"))
    ends = before.count("\n") - last, after.count("\n") - last
    places = [
        Counter(_places(side, lambda line, end=end: first <= line <= end))  # type: ignore[misc]
        for side, end in zip((old, new), ends, strict=True)
    ]
    return places[0] != places[1]


def _same(old: list[str], new: list[str]) -> tuple[int, int]:
    """Count the lines that are the same at the beginning and at the end."""
    most = min(len(old), len(new))
    first = next((at for at in range(most) if old[at] != new[at]), most)
    last = next((at for at in range(most - first) if old[-1 - at] != new[-1 - at]), most - first)
    return first, last


def _places(nodes: Iterable[Node], changed: Callable[[int], bool]) -> Iterable[tuple[str, ...]]:
    """Yield the keys on unchanged lines with those above them; a key on a changed line may have another name."""
    waiting: list[tuple[Node, tuple[str, ...]]] = [(node, ()) for node in nodes]
    seen: set[int] = set()
    while waiting:
        node, above = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if documents.kind_of(node) == "mapping":
            for key, value in node.value:
                kept = not changed(key.start_mark.line)
                place = (*above, str(key.value) if kept else "")
                if kept:
                    yield place
                waiting.append((value, place))
        elif documents.kind_of(node) == "sequence":
            waiting += [(one, (*above, "-")) for one in node.value]


def _dockerfile(before: str, after: str) -> int:
    (old, scripts), (new, changed) = _instructions(before), _instructions(after)
    return max(0, new - old) + (syntax.new_errors("shell", scripts, changed) or 0)


def _instructions(text: str) -> tuple[int, str]:
    """Count the lines that are no instruction or hold a broken list, and return what is given to a shell."""
    text = _COMMENT.sub("", _HEREDOC.sub(lambda found: found[1], f"{text}\n"))
    errors, scripts = 0, []
    for line in _LINE.findall(text):
        found = _INSTRUCTION.match(line)
        if found is None:
            errors += bool(line.strip())
        elif found[1].upper() in _RUN:
            command = _FLAGS.sub("", line[found.end() :]).strip()
            if command.startswith("[") and command.endswith("]"):
                errors += not _is_list(command)
            elif "<<" not in command:  # the text of a here-document is left out
                scripts.append(command)
    return errors, "\n".join(scripts)


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text.replace("\\\n", "")), list)
    except (ValueError, RecursionError):
        return False
