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
_MAX_LINES = 14
_EXAMPLE = re.compile(
    r"^## Example\n.*?```\w*\n(?P<wrong>.*?)```.*?\bUse instead:.*?```\w*\n(?P<right>.*?)```", re.S | re.M
)


@dataclass(frozen=True, slots=True)
class Example:
    """Code that a rule complains of, and the same mended."""

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
    wrong, right = found["wrong"].strip("\n"), found["right"].strip("\n")
    short = max(wrong.count("\n"), right.count("\n")) < _MAX_LINES
    return Example(wrong, right) if short and right else None
