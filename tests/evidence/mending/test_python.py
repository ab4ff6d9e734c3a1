"""The mechanical fixes that need Python's syntax tree, with ruff and the built-in rules themselves.

``python.yml`` has the texts: ``after`` is null where the file does not decide, and ``why`` says what is missing.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reviewer.checking import suggestion as suggestions
from reviewer.evidence import Options, Side, recheck
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind

CASES = yaml.safe_load(Path(__file__).with_name("python.yml").read_text("utf-8"))
SIDE = Side(dict.fromkeys)


def _fixed(text: str, rule: str) -> str | None:
    """The text after the proven fix of a rule."""
    source = Source(SourceKind.RULE, "built-in") if rule.startswith("py-") else Source(SourceKind.TOOL, "ruff")
    found = recheck("src/run.py", text, (source,)) or ()
    one = next(finding for finding in found if finding.sources[0].rule == rule)
    fix = with_own_fix(one, text, "python", Options(), SIDE).suggestion
    return None if fix is None else suggestions.apply(text, fix)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['rule']}-{index}" for index, case in enumerate(CASES)])
def test_a_fix_is_shown_where_the_file_decides(case: dict[str, str | None]) -> None:
    assert _fixed(str(case["before"]), str(case["rule"])) == case["after"]
