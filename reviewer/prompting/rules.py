"""A repository's own rules for reviews: Markdown files, each for some of the code.

A rule starts with YAML between two lines of ``---`` that selects paths and languages. The text below is added
unchanged to the prompts of the matching units::

    ---
    paths: ["src/api/**", "*.sql"]
    languages: [python, sql]
    ---
    Every query goes through `db.query`, never through string formatting.

Without ``paths`` a rule applies to every path, without ``languages`` to every language. Rules only add to a prompt:
findings about them are checked like all others.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.config.repository import RULES
from reviewer.errors import ConfigError
from reviewer.languages import LANGUAGES
from reviewer.selection.globs import matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_CHARS = 2_000
"""Longest text of one rule; it is part of the prompt of every matching unit."""

MAX_TOGETHER = 6_000
"""Longest text of all the rules that apply to one file."""

_MAX_FRONT = 4_000
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?(.*)\Z", re.DOTALL | re.MULTILINE)
_KEYS = ("paths", "languages")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: The file's name, without the suffix.
        text: The text for the prompt.
        paths: Globs; a path must match one of them. Empty matches every path.
        languages: Names of languages. Empty matches every language.
        unless: Globs; a path that matches one of them is left out.
        is_borrowed: Whether it was written for another tool; see ``borrowed``.
    """

    name: str
    text: str
    paths: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    is_borrowed: bool = False

    def holds_for(self, path: str, language: str) -> bool:
        """Whether it applies to a file of that path and language."""
        return (
            (not self.paths or any(matches(path, pattern) for pattern in self.paths))
            and (not self.languages or language in self.languages)
            and not any(matches(path, pattern) for pattern in self.unless)
        )


def read(files: Mapping[str, str]) -> tuple[Rule, ...]:
    """Read all rules, in the order of their names.

    Args:
        files: Texts by path below the rules' folder; only ``.md`` files are rules.

    Raises:
        ConfigError: A rule is not valid.
    """
    return tuple(_read(name, files[name]) for name in sorted(files) if name.lower().endswith(".md"))


def holding(rules: Sequence[Rule], path: str, language: str) -> tuple[Rule, ...]:
    """The rules that apply to one file; of borrowed ones those for which there is room.

    Raises:
        ConfigError: The repository's own rules are too long together for a prompt.
    """
    found = tuple(rule for rule in rules if rule.holds_for(path, language) and not rule.is_borrowed)
    length = sum(len(rule.text) for rule in found)
    if length > MAX_TOGETHER:
        names = ", ".join(rule.name for rule in found)
        raise ConfigError(
            f"the rules for {path} have {length} characters together; the limit is {MAX_TOGETHER}: {names}",
            hint="shorten them, or narrow their paths",
        )
    for rule in rules:
        if rule.is_borrowed and rule.holds_for(path, language) and length + len(rule.text) <= MAX_TOGETHER:
            found, length = (*found, rule), length + len(rule.text)
    return found


def together(rules: Sequence[Rule]) -> str:
    """The text of several rules for a prompt."""
    return "\n".join(rule.text for rule in rules)


def _read(name: str, text: str) -> Rule:
    place = f"{RULES}/{name}"
    front, body = _parts(text.replace("\r\n", "\n"), place)
    strange = [key for key in front if key not in _KEYS]
    if strange:
        near = difflib.get_close_matches(str(strange[0]), _KEYS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(_KEYS)
        raise ConfigError(f"{place}: unknown key {strange[0]!r:.60}", hint=hint)
    languages = tuple(name.lower() for name in _texts(front, "languages", place))
    unknown = next((one for one in languages if one not in LANGUAGES), None)
    if unknown is not None:
        raise ConfigError(f"{place}: unknown language {unknown!r:.60}", hint="known: " + ", ".join(sorted(LANGUAGES)))
    body = body.strip()
    if not body:
        raise ConfigError(f"{place} has no text", hint="write the rule below the second line of ---")
    if len(body) > MAX_CHARS:
        raise ConfigError(
            f"{place} has {len(body)} characters; the limit is {MAX_CHARS}", hint="split it into two rules"
        )
    return Rule(name.rsplit(".", 1)[0], body, _texts(front, "paths", place), languages)


def _parts(text: str, place: str) -> tuple[Mapping[str, Any], str]:
    """The front matter and the body."""
    found = _FRONT.match(text)
    if found is None:
        if text.startswith("---"):
            raise ConfigError(f"{place}: the front matter is not closed", hint="close it with a line of ---")
        return {}, text
    front, body = found.groups()
    if len(front) > _MAX_FRONT:
        raise ConfigError(f"{place}: the front matter is longer than {_MAX_FRONT} characters")
    try:
        data = untrusted.parse_yaml(f"\n{front}")  # the line of --- counts
    except untrusted.MalformedError as problem:
        raise ConfigError(f"{place}: {problem}", hint='for instance: paths: ["src/**/*.py"]') from problem
    if data is None:
        return {}, body
    if not isinstance(data, dict):
        raise ConfigError(f"{place}: the front matter is not a mapping", hint='for example: paths: ["src/**/*.py"]')
    return data, body


def _texts(front: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    """A text or a list of texts."""
    value = front.get(key, [])
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
        raise ConfigError(f"{place}: {key} is not a list of strings", hint=f'for example: {key}: ["a", "b"]')
    return tuple(one.strip() for one in found)
