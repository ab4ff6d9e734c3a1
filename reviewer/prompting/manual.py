"""What an analyzer's own manual shows of a rule; a small model follows an example better than advice."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import untrusted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reviewer.finding import Source

# Where the packages that come with the reviewer put their programs.
_BESIDE = (str(Path(sys.executable).parent), sysconfig.get_path("scripts"))
_SECONDS = 5.0
_MOST = 4  # lines of each
_EXAMPLE = re.compile(
    r"^## Example\n.*?```\w*\n(?P<wrong>.*?)```.*?\bUse instead:.*?```\w*\n(?P<right>.*?)```", re.S | re.M
)


@dataclass(frozen=True, slots=True)
class Example:
    """The lines of other code that a rule complains of, and those in their place; each between backticks."""

    wrong: str
    right: str


def example(sources: Iterable[Source]) -> Example | None:
    """Return the example of the first rule that has one; ruff's manual comes with ruff."""
    rules = (source.rule for source in sources if source.name == "ruff" and source.rule.isalnum())
    return next((found for rule in rules if (found := _of_ruff(rule))), None)


@functools.lru_cache(maxsize=64)
def _of_ruff(rule: str) -> Example | None:
    program = shutil.which("ruff", path=os.pathsep.join(_BESIDE))
    if program is None:
        return None
    try:
        command = [program, "rule", rule, "--output-format=json"]
        printed = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True).stdout
        data = untrusted.parse_json(printed)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    found = _EXAMPLE.search(str(data.get("explanation", ""))) if isinstance(data, dict) else None
    if found is None:
        return None
    wrong, right = _differing(found["wrong"], found["right"])
    return Example(_ticked(wrong), _ticked(right)) if 0 < len(wrong) <= _MOST >= len(right) > 0 else None


def _differing(wrong: str, right: str) -> tuple[list[str], list[str]]:
    """The lines of the two that are not the same. A whole example would be copied in place of the code."""
    old, new = (
        [line.partition("  #")[0].strip() for line in code.split("\n") if line.strip()] for code in (wrong, right)
    )
    return [line for line in old if line not in new], [line for line in new if line not in old]


def _ticked(lines: list[str]) -> str:
    return " and ".join(f"`{line}`" for line in lines)
