"""Reads the packaged rules: ast-grep's YAML files, one per rule in a folder per language.

The keys are ast-grep's own (https://ast-grep.github.io/reference/yaml.html): id, language, severity, message, note,
url, rule, constraints, utils, transform, fix, ignores. ``metadata`` adds ``category`` (a value of ``Category``),
``aliases`` (the same rule in other tools, as ``ruff:B006``) and ``languages`` (all grammars that the rule runs on,
where there are several: a rule of JavaScript that also runs on TypeScript) and ``after-check`` (a statement that mends
the fault where it follows the ``if`` after the match, which tests the error).
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviewer import assets
from reviewer.evidence import needles, rule_cache
from reviewer.evidence.rule_cache import RuleError
from reviewer.evidence.textual import NAME
from reviewer.finding import Category, Severity, Source, SourceKind

if TYPE_CHECKING:
    from pathlib import Path

# Grammars whose rules may name each other's languages.
_RELATED = {
    **dict.fromkeys(("javascript", "typescript", "tsx"), ("javascript", "typescript", "tsx")),
    "c": ("c", "cpp"),
    "cpp": ("cpp", "c"),
}
_MATCHER = ("rule", "constraints", "utils", "transform")
_REGEXES = ("regex", "replace")
_SEVERITIES = {**{severity.value: severity for severity in Severity}, "hint": Severity.INFO}
# The parts of a regex, and what stands for a class of Unicode outside and inside of brackets.
_PARTS = re.compile(r"\\.|.", re.DOTALL)
_CLASSES = {r"\w": ("[0-9A-Za-z_]", "0-9A-Za-z_"), r"\d": ("[0-9]", "0-9"), r"\b": (r"(?-u:\b)", r"\b")}


@dataclass(frozen=True, slots=True)
class Rule:
    """One ast-grep rule.

    Attributes:
        grammars: The grammars that it runs on, by ast-grep's names in lower case.
        note: What to do instead; may be empty.
        matcher: The part that ast-grep runs.
        aliases: The same rule in other tools, as ``ruff:B006``.
        fix: Template of the replacement; None where the fault has no mechanical fix.
        after_check: Template of the statement that mends the fault after the next ``if``; empty where none does.
        ignores: Globs of paths that it does not apply to.
        needs: It matches only in a text that has all words of one of these sets; empty where nothing is known.
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
    after_check: str = ""
    aliases: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    needs: tuple[frozenset[str], ...] = ()

    @property
    def source(self) -> Source:
        """The source that its findings name."""
        return Source(SourceKind.RULE, NAME, self.id, self.url)


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


@functools.cache  # related grammars share folders
def load(folder: Path) -> tuple[Rule, ...]:
    """Read every rule file of one language's folder; empty where there is no such folder.

    Raises:
        RuleError: A file is not a rule.
    """
    paths = sorted(folder.glob("*.yml"))
    read = rule_cache.read if folder.parent == assets.rules_dir() else rule_cache.parse
    return tuple(_rule(data, path) for path, data in zip(paths, read(paths), strict=True))


def _rule(data: dict[str, Any], path: Path) -> Rule:
    try:
        return _read(data, path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RuleError(f"{path}: not a rule: {getattr(error, 'strerror', None) or error}") from error


def _read(data: dict[str, Any], path: Path) -> Rule:
    metadata = data.get("metadata") or {}
    fix = data.get("fix")
    matcher = _ascii({key: data[key] for key in _MATCHER if data.get(key)} | {"rule": data["rule"]})
    return Rule(
        id=str(data["id"]),
        grammars=frozenset({path.parent.name, *(str(name).lower() for name in metadata.get("languages") or ())}),
        severity=_SEVERITIES[data.get("severity", "warning")],
        category=Category(metadata["category"]),
        message=str(data["message"]).strip(),
        note=str(data.get("note") or "").strip(),
        matcher=matcher,
        url=str(data.get("url") or ""),
        fix=str(fix["template"]) if isinstance(fix, dict) else None if fix is None else str(fix),
        after_check=str(metadata.get("after-check") or ""),
        aliases=tuple(metadata.get("aliases") or ()),
        ignores=tuple(data.get("ignores") or ()),
        needs=needles.of(data["rule"], data.get("utils")),
    )


def _ascii(matcher: Any) -> Any:
    r"""Restrict ``\\w``, ``\\d`` and ``\\b`` of every regex to ASCII.

    ast-grep compiles a rule each time it runs, and the tables of Unicode's letters are most of that time.
    """
    if isinstance(matcher, dict):
        return {
            key: _ascii_regex(value) if key in _REGEXES and isinstance(value, str) else _ascii(value)
            for key, value in matcher.items()
        }
    return [_ascii(one) for one in matcher] if isinstance(matcher, list) else matcher


def _ascii_regex(regex: str) -> str:
    depth, parts = 0, []
    for part in _PARTS.findall(regex):
        depth += (part == "[") - (part == "]" and depth > 0)
        outside, inside = _CLASSES.get(part, (part, part))
        parts.append(inside if depth else outside)
    return "".join(parts)
