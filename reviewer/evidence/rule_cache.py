"""Reads the YAML of rule files, from a copy in JSON where there is one, which takes a tenth of the time."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reviewer import __version__, files, paths
from reviewer.errors import ReviewerError
from reviewer.evidence import needles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LIMIT = 8 << 20  # bytes
_FORMAT = 2


class RuleError(ReviewerError):
    """A rule file is wrong; the message names it."""


def parse(rules: Sequence[Path]) -> list[Any]:
    """Parse the YAML of some files, and note the words that each rule needs.

    Raises:
        RuleError: One cannot be read.
    """
    import yaml

    # The parser in C takes a tenth of the time of the one in Python, where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = []
    for path in rules:
        try:
            rule = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader  # nosec B506
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RuleError(f"{path}: not a rule: {getattr(error, 'strerror', None) or error}") from error
        found.append(_with_needs(rule))
    return found


def _with_needs(rule: Any) -> Any:
    """Note the words without which a rule cannot match."""
    if not isinstance(rule, dict) or "rule" not in rule:
        return rule
    return {**rule, "needs": [sorted(words) for words in needles.of(rule["rule"], rule.get("utils"))]}


def read(rules: Sequence[Path]) -> list[Any]:
    """Parse the YAML of the files of one folder, or take it from the copy of an earlier run.

    The copy holds for the version of the package, and for the names, times and sizes of the files.

    Raises:
        RuleError: One cannot be read.
    """
    if not rules:
        return []
    try:
        stamp = [__version__, _FORMAT, *([path.name, path.stat().st_mtime_ns, path.stat().st_size] for path in rules)]
    except OSError as error:
        raise RuleError(f"{rules[0].parent}: {error}") from error
    copy = paths.cache_dir() / "rules" / f"{rules[0].parent.name}.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        stored = json.loads(files.read_private(copy, _LIMIT))
        if stored["stamp"] == stamp and len(stored["rules"]) == len(rules):
            return list(stored["rules"])
    found = parse(rules)
    with suppress(OSError, TypeError):
        files.make_private(copy.parent)
        files.write(copy, json.dumps({"stamp": stamp, "rules": found}))
    return found
