from __future__ import annotations

import pytest

from reviewer.checking.indentation import adapt, file_unit

FOUR = "def f(x):\n    if x:\n        return 1\n    return 2\n"
TWO = FOUR.replace("    ", "  ")
TABS = FOUR.replace("    ", "\t")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (FOUR, "    "),
        (TWO, "  "),
        (TABS, "\t"),
        ("x = 1\n", None),
        ("", None),
        ("f(a,\n  b)\n", None),  # aligned, not a block
        ("/**\n * a comment\n */\nint f() {\n\treturn 1;\n\tg();\n}\n", "\t"),
        ("/*\n * a comment\n * of some lines\n */\nvoid f() {\n    g();\n}\n", "    "),
        ("class A\n  def b\n    c\n  end\nend\n", "  "),
    ],
)
def test_file_unit(text: str, unit: str | None) -> None:
    assert file_unit(text) == unit


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("    if y:\n        z()\n    return 3", TWO, "    if y:\n      z()\n    return 3"),
        ("  if y:\n      z()", TWO, "  if y:\n    z()"),
        (
            "    if y:\n      z()\n      if a:\n        b()",
            FOUR,
            "    if y:\n        z()\n        if a:\n            b()",
        ),
        ("\tif y:\n\t    z()\n\t\n\t    w()", TABS, "\tif y:\n\t\tz()\n\t\n\t\tw()"),
        ("if (y) {\n  z();\n}", "void f() {\n\tg();\n}\n", "if (y) {\n\tz();\n}"),
        ("    if y:\n    \tz()", FOUR, "    if y:\n        z()"),
        ("    return f(a,\n             b)", FOUR, "    return f(a,\n             b)"),  # alignment is not a level
        ("    return f(a,\n             b)", TWO, "    return f(a,\n             b)"),
        ("    x = 1\n    y = 2", TABS, "    x = 1\n    y = 2"),
        ("if y:\n    z()", "x = 1\n", "if y:\n    z()"),
        ("    x = [\n            1,\n    ]", FOUR, "    x = [\n            1,\n    ]"),
        ("one line", TABS, "one line"),
        ("", TABS, ""),
    ],
)
def test_adapt(code: str, text: str, expected: str) -> None:
    assert adapt(code, text) == expected
    assert adapt(expected, text) == expected
