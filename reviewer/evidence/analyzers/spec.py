"""How one analyzer is run and its output read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from reviewer.finding import Category
from reviewer.selection import globs

FILES = "{files}"
"""The argument of a command that stands for the files."""


class Format(StrEnum):
    """What an analyzer writes to standard output."""

    SARIF = "sarif"
    RDJSON = "rdjson"
    RDJSONL = "rdjsonl"
    LINES = "lines"
    RUFF = "ruff"
    SHELLCHECK = "shellcheck"
    ESLINT = "eslint"


@dataclass(frozen=True, slots=True)
class Spec:
    """One analyzer.

    Attributes:
        name: Shown as the source of its findings.
        command: Program and arguments; ``{files}`` becomes the files, relative to the folder that it runs in.
        languages: Languages of the files that it reads, by name; empty with ``files`` empty means every file.
        files: Globs of further files that it reads.
        ignores: Globs of files that it does not read.
        tree: Whether it needs the whole tree around the changed files.
        runs_code: Whether it runs code of the tree it reads (plugins, build scripts), as far as is known.
        timeout: Seconds; None for the general limit.
        url: Address of a rule's documentation, with ``{rule}`` in it.
        category: Category of its findings.
        categories: Categories by prefix of the rule's name; the first that fits wins.
        omitted: Rules whose findings are left out.
        bundled: Whether the program comes with this package.
        secrets: Whether the places that it reports hold secrets, which must not be shown.
    """

    name: str
    command: tuple[str, ...]
    format: Format
    languages: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    tree: bool = False
    runs_code: bool = True
    timeout: float | None = None
    url: str = ""
    category: Category = Category.BUG
    categories: tuple[tuple[str, Category], ...] = ()
    omitted: frozenset[str] = field(default_factory=frozenset)
    bundled: bool = False
    secrets: bool = False

    def reads(self, path: str, language: str) -> bool:
        """Return whether it analyzes a file."""
        if any(globs.matches(path, pattern) for pattern in self.ignores):
            return False
        if not self.languages and not self.files:
            return True
        return language in self.languages or any(globs.matches(path, pattern) for pattern in self.files)

    def category_of(self, rule: str) -> Category:
        """Return the category of a rule's findings."""
        return next((category for prefix, category in self.categories if rule.startswith(prefix)), self.category)

    def url_of(self, rule: str) -> str:
        """Return the address of a rule's documentation; empty where it is unknown."""
        return self.url.replace("{rule}", quote(rule, safe="/@")) if rule else ""
