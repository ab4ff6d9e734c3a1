"""The mechanical fixes in C and C++ that change another part of a line than the rule names."""

from __future__ import annotations

import pytest

from reviewer.checking import suggestion as suggestions
from reviewer.evidence import Options, Side, recheck
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (
            "c-loop-to-array-constant",
            "int t[CAP];\nvoid f(void)\n{\n\tfor (int i = 0; i <= CAP; i++) {\n\t\tt[i] = 0;\n\t}\n}\n",
            "int t[CAP];\nvoid f(void)\n{\n\tfor (int i = 0; i < CAP; i++) {\n\t\tt[i] = 0;\n\t}\n}\n",
        ),
        (
            "c-next-element-past-end",
            "void f(int *a, int n)\n{\n\tfor (int i = 0; i < n; i++)\n\t\ta[i] = a[i + 1] - a[i];\n}\n",
            "void f(int *a, int n)\n{\n\tfor (int i = 0; i + 1 < n; i++)\n\t\ta[i] = a[i + 1] - a[i];\n}\n",
        ),
        (
            "c-share-of-whole-numbers",
            "int f(int used, int total)\n{\n\treturn used / total * 100;\n}\n",
            "int f(int used, int total)\n{\n\treturn used * 100 / total;\n}\n",
        ),
    ],
)
def test_a_report_is_mended(rule: str, before: str, after: str) -> None:
    found = recheck("run.c", before, (Source(SourceKind.RULE, "built-in"),)) or ()
    one = next(finding for finding in found if finding.sources[0].rule == rule)
    fix = with_own_fix(one, before, "c", Options(), Side(dict.fromkeys)).suggestion
    assert fix is not None
    assert suggestions.apply(before, fix) == after
