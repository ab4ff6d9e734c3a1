"""Runs the packaged rules on a file, in this process."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from reviewer.evidence.diagnostic import Diagnostic, Edit, one_line
from reviewer.evidence.rule_cache import RuleError
from reviewer.evidence.rule_files import for_grammar
from reviewer.selection import globs
from reviewer.syntax import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ast_grep_py import Config, SgNode

    from reviewer.evidence.reviewed import ReviewedFile
    from reviewer.evidence.rule_files import Rule

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
Found = tuple["Rule", list[Diagnostic]]
"""A rule and what it reports."""

_VARIABLE = re.compile(r"\$\$\$([A-Z_][A-Z0-9_]*)|\$([A-Z_][A-Z0-9_]*)")
_END_TAG = "implicit_end_tag"  # of HTML; any other empty leaf is what the parser would have needed
_QUOTED_CODE = 60  # characters of code that a message quotes


def grammar_of(file: ReviewedFile) -> str | None:
    """Return ast-grep's name of a file's language; None where it has none."""
    return _GRAMMARS.get(file.language.name) or _EXTENSIONS.get(PurePosixPath(file.path).suffix.lower())


def grammars() -> frozenset[str]:
    """Return the name of every grammar that rules can be written for."""
    return frozenset(_GRAMMARS.values()) | frozenset(_EXTENSIONS.values())


def scan(file: ReviewedFile, folder: Path | None = None, broken: list[str] | None = None) -> Iterator[Diagnostic]:
    """Report what the language's rules find anywhere in a file, however long it takes.

    Args:
        file: What is scanned.
        folder: Folder of the rules; the packaged one by default.
        broken: As for ``run``.

    Raises:
        RuleError: A rule file is wrong.
    """
    for _, found in run(file, applicable(file, folder), broken):
        yield from found


def applicable(file: ReviewedFile, folder: Path | None = None) -> tuple[Rule, ...]:
    """Return the rules that may find something in a file; none for a file that is not parsed.

    Raises:
        RuleError: A rule file is wrong.
    """
    grammar = grammar_of(file)
    if grammar is None or too_large(file):
        return ()
    lowered = file.parseable.lower()
    return tuple(
        rule
        for rule in for_grammar(grammar, folder)
        if _may_match(rule, lowered) and not any(globs.matches(file.path, pattern) for pattern in rule.ignores)
    )


def too_large(file: ReviewedFile) -> bool:
    """Say whether a file is not parsed because of its size."""
    return len(file.text) > MAX_BYTES


def run(file: ReviewedFile, rules: Sequence[Rule], broken: list[str] | None = None) -> Iterator[Found]:
    """Run rules one by one.

    Args:
        file: What is scanned.
        rules: Some of the ``applicable`` ones.
        broken: Gets a message for each rule that does not compile, which then finds nothing; None raises the first one.
            Another version of ast-grep may have renamed what a rule matches.

    Raises:
        RuleError: A rule does not compile.
    """
    grammar = grammar_of(file)
    if grammar is None or not rules:
        return
    from ast_grep_py import SgRoot

    root = SgRoot(file.parseable, grammar).root()
    for rule in rules:
        try:
            matches = _matches(rule, root)
        except RuleError as error:
            if broken is None:
                raise
            broken.append(error.message)
            matches = []
        yield rule, [_diagnostic(rule, node, file) for node in matches]


def _may_match(rule: Rule, lowered: str) -> bool:
    return not rule.needs or any(all(word in lowered for word in words) for words in rule.needs)


def errors(file: ReviewedFile) -> int | None:
    """Count the places that a file's grammar does not understand; None where ast-grep has no grammar for it."""
    grammar = grammar_of(file)
    if grammar is None or too_large(file):
        return None
    from ast_grep_py import SgRoot

    root = SgRoot(file.parseable, grammar).root()
    missing = [node for node in root.find_all(regex="^$") if node.is_leaf() and node.kind() != _END_TAG]
    return len(root.find_all(kind="ERROR")) + len(missing)


def _matches(rule: Rule, root: SgNode) -> list[SgNode]:
    try:
        return root.find_all(cast("Config", rule.matcher))
    except Exception as error:  # ast-grep raises nothing more specific; the first lines name the cause
        cause = " ".join(str(error).partition("Stack backtrace")[0].split())
        raise RuleError(f"rule {rule.id}: {cause}") from error


def _diagnostic(rule: Rule, node: SgNode, file: ReviewedFile) -> Diagnostic:
    start, end = _start(node), _end(node)
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
        edits=_edits(rule, node, file),
        aliases=rule.aliases,
        advice=one_line(_expanded(rule.note, node, file, limit=_QUOTED_CODE)),
    )


def _edits(rule: Rule, node: SgNode, file: ReviewedFile) -> tuple[Edit, ...]:
    if rule.fix is not None:
        return (_replacement(rule.fix, node, file),)
    check = node.next() if rule.after_check else None
    if check is None or check.kind() != "if_statement":
        return ()
    end = _end(check)
    indent = _indent(file.line_text(_start(node)[0]))
    return (Edit(end, end, f"\n{indent}{_expanded(rule.after_check, node, file)}"),)


def _start(node: SgNode) -> tuple[int, int]:
    place = node.range().start
    return place.line + 1, place.column + 1


def _end(node: SgNode) -> tuple[int, int]:
    place = node.range().end
    return place.line + 1, place.column + 1


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _replacement(template: str, node: SgNode, file: ReviewedFile) -> Edit:
    start, end = _start(node), _end(node)
    before = file.line_text(start[0])[: start[1] - 1]
    indent = _indent(before)
    # The template's own lines are indented like the match; what a variable stands for already is.
    text = _expanded(template.rstrip("\n").replace("\n", "\n" + indent), node, file)
    after = file.line_text(end[0])[end[1] - 1 :].strip()
    if text or before.strip() or after not in ("", ";"):
        return Edit(start, end, text)
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
