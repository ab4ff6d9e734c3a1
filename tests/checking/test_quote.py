from __future__ import annotations

import pytest

from reviewer.checking.claims import is_quote

LINE = "    return total / len(values)  # the mean"


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        (LINE, LINE),
        ("return total/len(values)", LINE),
        ("return  total\t/ len(values)", LINE),
        ("12 +    return total / len(values)", LINE),
        ("120345 +    return total / len(values)", LINE),
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
        # As the prompt shows it.
        ("price = 1  # caf\ufffd", "price = 1  # caf\udce9"),
        ("a\u240cb<U+202E>c<U+0085>d", "a\x0cb\u202ec\x85d"),
        ("<U+FEFF>import os", "\ufeffimport os"),
        ("a = 1\u240d b = 2", "a = 1\r b = 2"),
        # Or as it is.
        ("a\x0cb\u2028c", "a\x0cb\u2028c"),
    ],
)
def test_it_is_the_line(quote: str, line: str) -> None:
    assert is_quote(quote, line)


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
    assert not is_quote(quote, line)
