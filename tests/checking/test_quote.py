from __future__ import annotations

import pytest

from reviewer.checking.quote import agrees

LINE = "    return total / len(values)  # the mean"


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        (LINE, LINE),
        ("return total/len(values)", LINE),
        ("return  total\t/ len(values)", LINE),
        ("12 +    return total / len(values)", LINE),
        ("+    return total / len(values)", LINE),
        ("`return total / len(values)`", LINE),
        ("return total / len(values)\nprint(total)", LINE),
        ("\n\n  return total / len(values)", LINE),
        (LINE[:20], LINE),  # cut at its longest length
        ("}", "    }"),
        ("x++", "  x++"),
        ("-1", "    -1"),
        ("+ offset;", "    + offset;"),  # the sign is the line's own
        ("", "   "),
    ],
)
def test_it_is_the_line(quote: str, line: str) -> None:
    assert agrees(quote, line)


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        ("return total", "    total = sum(values)"),
        ("", LINE),
        (")", LINE),  # it stands in every second line
        ("total", LINE),
        (LINE + " and more", LINE),
        ("return 0", ""),
        ("RETURN TOTAL / LEN(VALUES)", LINE),
    ],
)
def test_it_is_another_one(quote: str, line: str) -> None:
    assert not agrees(quote, line)
