"""The packaged rules: ast-grep's YAML files, one per rule in a folder per language, run in this process.

The keys are ast-grep's own (https://ast-grep.github.io/reference/yaml.html): id, language, severity, message, note,
url, rule, constraints, utils, transform, fix, ignores. ``metadata`` adds ``category`` (a value of ``Category``),
``aliases`` (the same rule in other tools, as ``ruff:B006``) and ``languages`` (all grammars that the rule runs on,
where there are several: a rule of JavaScript that also runs on TypeScript).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from reviewer import assets
from reviewer.errors import ReviewerError
from reviewer.evidence.diagnostic import Diagnostic, Edit, one_line
from reviewer.evidence.textual import NAME
from reviewer.finding import Category, Severity, Source, SourceKind
from reviewer.selection import globs
from reviewer.syntax import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ast_grep_py import Config, SgNode

    from reviewer.evidence.reviewed import ReviewedFile

# ast-grep's name of a language's grammar, where it is not ours; rules lie in a folder of that name.
_GRAMMARS = {
    **{
        name: name for name in ("python", "javascript", "typescript", "tsx", "go", "rust", "java", "kotlin", "c", "cpp")
    },
    **{name: name for name in ("csharp", "ruby", "php", "swift", "html", "css", "yaml")},
    "shell": "bash",
    "terraform": "hcl",
}
# Languages that only rules know.
_EXTENSIONS = {
    ".ex": "elixir",
    ".exs": "elixir",
    ".lua": "lua",
    ".sol": "solidity",
    ".scala": "scala",
    ".sc": "scala",
    ".hs": "haskell",
    ".nix": "nix",
}
# Grammars whose rules may name each other's languages.
_RELATED = {
    **dict.fromkeys(("javascript", "typescript", "tsx"), ("javascript", "typescript", "tsx")),
    "c": ("c", "cpp"),
    "cpp": ("cpp", "c"),
}
_MATCHER = ("rule", "constraints", "utils", "transform")
_SEVERITIES = {**{severity.value: severity for severity in Severity}, "hint": Severity.INFO}
_VARIABLE = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)|\$([A-Z_][A-Z0-9_]*)")
_QUOTED_CODE = 60  # characters of code that a message quotes


class RuleError(ReviewerError):
    """A rule file is wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One ast-grep rule.

    Attributes:
        grammars: The grammars that it runs on, by ast-grep's names in lower case.
        note: What to do instead; may be empty.
        matcher: The part that ast-grep runs.
        aliases: The same rule in other tools, as ``ruff:B006``.
        fix: Template of the replacement; None where the fault has no mechanical fix.
        ignores: Globs of paths that it does not apply to.
    """

    id: str
    grammars: frozenset[str]
    severity: Severity
    category: Category
    message: str
    note: str
    matcher: dict[str, Any]
    url: str = ""
    fix: str | None = None
    aliases: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()

    @property
    def source(self) -> Source:
        """The source that its findings name."""
        return Source(SourceKind.RULE, NAME, self.id, self.url)


def grammar_of(file: ReviewedFile) -> str | None:
    """Return ast-grep's name of a file's language; None where it has none."""
    return _GRAMMARS.get(file.language.name) or _EXTENSIONS.get(PurePosixPath(file.path).suffix.lower())


def grammars() -> frozenset[str]:
    """Return the name of every grammar that rules can be written for."""
    return frozenset(_GRAMMARS.values()) | frozenset(_EXTENSIONS.values())


def for_grammar(grammar: str, folder: Path | None = None) -> tuple[Rule, ...]:
    """Return the rules that run on files of one grammar: those of its folder, and of others that name it.

    Raises:
        RuleError: A rule file is wrong.
    """
    return _rules(grammar, folder or assets.rules_dir())


@functools.cache
def _rules(grammar: str, folder: Path) -> tuple[Rule, ...]:
    related = _RELATED.get(grammar, (grammar,))
    return tuple(rule for name in related for rule in load(folder / name) if grammar in rule.grammars)


def load(folder: Path) -> tuple[Rule, ...]:
    """Read every rule file of one language's folder; empty where there is no such folder.

    Raises:
        RuleError: A file is not a rule.
    """
    return tuple(_read(path) for path in sorted(folder.glob("*.yml")))


def _read(path: Path) -> Rule:
    import yaml

    # The parser in C takes a tenth of the time of the one in Python, where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader  # nosec B506
        return _rule(data, path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RuleError(f"{path}: not a rule: {getattr(error, 'strerror', None) or error}") from error


def _rule(data: dict[str, Any], path: Path) -> Rule:
    metadata = data.get("metadata") or {}
    fix = data.get("fix")
    return Rule(
        id=str(data["id"]),
        grammars=frozenset({path.parent.name, *(str(name).lower() for name in metadata.get("languages") or ())}),
        severity=_SEVERITIES[data.get("severity", "warning")],
        category=Category(metadata["category"]),
        message=str(data["message"]).strip(),
        note=str(data.get("note") or "").strip(),
        matcher={key: data[key] for key in _MATCHER if data.get(key)} | {"rule": data["rule"]},
        url=str(data.get("url") or ""),
        fix=str(fix["template"]) if isinstance(fix, dict) else None if fix is None else str(fix),
        aliases=tuple(metadata.get("aliases") or ()),
        ignores=tuple(data.get("ignores") or ()),
    )


def scan(file: ReviewedFile, folder: Path | None = None, broken: list[str] | None = None) -> Iterator[Diagnostic]:
    """Report what the language's rules find anywhere in a file.

    A file larger than ``syntax.MAX_BYTES`` is not parsed.

    Args:
        file: What is scanned.
        folder: Folder of the rules; the packaged one by default.
        broken: Gets a message for each rule that does not compile, which is left out; None raises the first one.
            Another version of ast-grep may have renamed what a rule matches.

    Raises:
        RuleError: A rule file is wrong.
    """
    grammar = grammar_of(file)
    rules = () if grammar is None else for_grammar(grammar, folder)
    if grammar is None or not rules or len(file.text) > MAX_BYTES:
        return
    from ast_grep_py import SgRoot

    root = SgRoot(file.parseable, grammar).root()
    for rule in rules:
        if any(globs.matches(file.path, pattern) for pattern in rule.ignores):
            continue
        try:
            matches = _matches(rule, root)
        except RuleError as error:
            if broken is None:
                raise
            broken.append(error.message)
        else:
            yield from (_diagnostic(rule, node, file) for node in matches)


def _matches(rule: Rule, root: SgNode) -> list[SgNode]:
    try:
        return root.find_all(cast("Config", rule.matcher))
    except Exception as error:  # ast-grep raises nothing more specific; the first lines name the cause
        cause = " ".join(str(error).partition("Stack backtrace")[0].split())
        raise RuleError(f"rule {rule.id}: {cause}") from error


def _diagnostic(rule: Rule, node: SgNode, file: ReviewedFile) -> Diagnostic:
    place = node.range()
    start, end = (place.start.line + 1, place.start.column + 1), (place.end.line + 1, place.end.column + 1)
    fix = None if rule.fix is None else _expanded(rule.fix, node, file)
    return Diagnostic(
        file.path,
        start[0],
        one_line(_expanded(rule.message, node, file, limit=_QUOTED_CODE)),
        rule.source,
        rule.severity,
        rule.category,
        column=start[1],
        end_line=end[0],
        end_column=end[1],
        edits=() if fix is None else (_edit(file, start, end, fix),),
        aliases=rule.aliases,
        advice=one_line(_expanded(rule.note, node, file, limit=_QUOTED_CODE)),
    )


def _edit(file: ReviewedFile, start: tuple[int, int], end: tuple[int, int], text: str) -> Edit:
    before = file.line_text(start[0])[: start[1] - 1]
    indent = before[: len(before) - len(before.lstrip())]
    after = file.line_text(end[0])[end[1] - 1 :].strip()
    if text or before.strip() or after not in ("", ";"):
        return Edit(start, end, text.rstrip("\n").replace("\n", "\n" + indent))
    # Deleting all that stands on some lines deletes the lines.
    last = (end[0], len(file.line_text(end[0])) + 1)
    return Edit((start[0], 1), (end[0] + 1, 1) if end[0] < len(file.lines) else last, "")


def _expanded(template: str, node: SgNode, file: ReviewedFile, limit: int | None = None) -> str:
    def value(match: re.Match[str]) -> str:
        found = _many(match[1], node, file) if match[1] else _one(match[2], node)
        if found is None:
            # ast-grep leaves out a variable without a match; text such as $PATH stays in a message.
            return match[0] if limit else ""
        return found if limit is None or len(found) <= limit else found[: limit - 1] + "…"

    return _VARIABLE.sub(value, template)


def _one(name: str, node: SgNode) -> str | None:
    found = node.get_match(name)
    return node.get_transformed(name) if found is None else found.text()


def _many(name: str, node: SgNode, file: ReviewedFile) -> str | None:
    found = node.get_multiple_matches(name)
    if not found:
        return None
    return file.parseable[found[0].range().start.index : found[-1].range().end.index]
