"""Rule files that a repository keeps for other tools, read as rules for the model.

========  ==========================================  =====================================================
tool      files                                       which code
========  ==========================================  =====================================================
agents    ``AGENTS.md`` in any folder                 everything below its folder
copilot   ``.github/copilot-instructions.md``         everything
          ``.github/instructions/**.instructions.md``  ``applyTo`` of the front matter
cursor    ``.cursor/rules/**.mdc``                    ``globs``, or everything with ``alwaysApply: true``
gitlab    ``.gitlab/duo/mr-review-instructions.yaml`` ``fileFilters`` of each entry; ``!`` excludes
========  ==========================================  =====================================================

They were written for others, so nothing in them is an error: what cannot be read, or is too long for a prompt, is left
out with a remark. Their front matter is often no valid YAML (``globs: *.ts``) and is read line by line.
"""

from __future__ import annotations

import dataclasses
import glob
import re
from typing import TYPE_CHECKING

from reviewer import untrusted
from reviewer.prompting.rules import MAX_CHARS, Rule
from reviewer.untrusted import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FRONT = re.compile(r"\A---[ \t]*\n(.{0,4000}?)^---[ \t]*$\n?(.*)\Z", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"([A-Za-z]\w{0,40}):[ \t]*(.*)")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)")
_BRACES = re.compile(r"\{([^{}]*)\}")
_MAX_GLOBS = 64
_MAX_ENTRIES = 50  # of a file for GitLab


def read(files: Mapping[str, str]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """Read the rules of other tools.

    Args:
        files: Texts by path in the repository.

    Returns:
        The rules in the order of their paths, and remarks about what is left out.
    """
    found: list[Rule] = []
    remarks: list[str] = []
    for path in sorted(files):
        try:
            for rule in _rules(path, files[path].replace("\r\n", "\n")):
                found.append(_shortened(rule))
                if found[-1].text != rule.text:
                    remarks.append(f"{rule.name} is longer than {MAX_CHARS} characters; only its beginning is used")
        except MalformedError as problem:
            remarks.append(f"{path} is not used: {problem}")
    return tuple(found), tuple(remarks)


def _rules(path: str, text: str) -> Iterator[Rule]:
    """The rules of one file.

    Raises:
        MalformedError: It cannot be read.
    """
    if path.endswith(".yaml"):
        yield from _gitlab(path, text)
        return
    front, body = _parts(text)
    if not body.strip():
        return
    globs: tuple[str, ...] = ()
    if path.endswith("AGENTS.md"):
        folder = path.removesuffix("AGENTS.md")
        globs = (f"{glob.escape(folder)}*",) if folder else ()
        body = text
    elif path.endswith(".mdc"):
        globs = _globs(front.get("globs", []))
        if not globs and front.get("alwaysApply", [""])[0].lower() != "true":
            return  # the tool's own agent decides when to read it
    elif path.endswith(".instructions.md"):
        globs = _globs(front.get("applyTo", []))
        if not globs or "code-review" in front.get("excludeAgent", []):
            return
    yield Rule(path, body.strip(), globs, is_borrowed=True)


def _gitlab(path: str, text: str) -> Iterator[Rule]:
    data = untrusted.parse_yaml(text)
    entries = data.get("instructions") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise MalformedError("it has no list of instructions")
    for entry in entries[:_MAX_ENTRIES]:
        said = entry.get("instructions") if isinstance(entry, dict) else None
        if not isinstance(said, str) or not said.strip():
            continue
        filters = entry.get("fileFilters") or []
        globs = _globs([one for one in filters if isinstance(one, str)] if isinstance(filters, list) else [])
        yield Rule(
            f"{path} ({' '.join(str(entry.get('name', '')).split())[:60]})",
            said.strip(),
            tuple(one for one in globs if not one.startswith("!")),
            unless=tuple(one.removeprefix("!") for one in globs if one.startswith("!")),
            is_borrowed=True,
        )


def _parts(text: str) -> tuple[dict[str, list[str]], str]:
    """The front matter, each key with a list of values, and the text below it."""
    found = _FRONT.match(text)
    if found is None:
        return {}, text
    front: dict[str, list[str]] = {}
    values: list[str] = []
    for line in found[1].split("\n"):
        if entry := _ENTRY.fullmatch(line):
            values = front.setdefault(entry[1], [])
            values += [_unquoted(entry[2])] if entry[2].strip() else []
        elif item := _ITEM.fullmatch(line):
            values.append(_unquoted(item[1]))
    return front, found[2]


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _globs(values: list[str]) -> tuple[str, ...]:
    """Patterns as settings have them, of lists, of texts with commas, and with alternatives in braces."""
    found: list[str] = []
    for value in values:
        for part in re.split(r",(?![^{}]*\})", value.strip().strip("[]")):
            found += _alternatives(_unquoted(part).lstrip("/"))
    return tuple(one for one in found if one)[:_MAX_GLOBS]


def _alternatives(pattern: str) -> list[str]:
    """Write out the alternatives in braces.

    Raises:
        MalformedError: There are too many.
    """
    pending, found = [pattern], list[str]()
    while pending:
        if len(found) + len(pending) > _MAX_GLOBS:
            raise MalformedError("a pattern has too many alternatives")
        one = pending.pop(0)
        braces = _BRACES.search(one)
        if braces is None:
            found.append(one)
        else:
            pending += [one[: braces.start()] + word.strip() + one[braces.end() :] for word in braces[1].split(",")]
    return found


def _shortened(rule: Rule) -> Rule:
    """Cut a rule that is too long for a prompt at the end of a paragraph, else of a line."""
    if len(rule.text) <= MAX_CHARS:
        return rule
    text = rule.text[:MAX_CHARS]
    end = max(text.rfind("\n\n"), text.rfind("\n") if "\n\n" not in text else -1)
    return dataclasses.replace(rule, text=text[: end if end > 0 else MAX_CHARS].rstrip())
