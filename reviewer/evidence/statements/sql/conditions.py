"""Rules for conditions in SQL: NULL, what is always or never true, and what binds otherwise than it looks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from reviewer.evidence.statements.pattern import Pattern, regex
from reviewer.evidence.statements.sql.words import VALUE
from reviewer.finding import Severity

if TYPE_CHECKING:
    import re


def _falls(found: re.Match[str]) -> bool:
    """Say whether the first bound is above the second."""
    first, second = found["first"].strip("'"), found["second"].strip("'")
    if first.isdecimal() and second.isdecimal():
        return int(first) > int(second)
    return len(first) == len(second) and first > second


def _covered(found: re.Match[str]) -> bool:
    """Say whether every value of the second condition meets the first one, which then comes first."""
    first, second = float(found["first"]), float(found["second"])
    return second >= first if found["operator"].startswith(">") else second <= first


@functools.cache  # compiled when the first file needs them
def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return (
        Pattern(
            "sql-null-compared",
            regex(r"\b(?:WHERE|AND|OR|ON|WHEN|HAVING|NOT)\s+\(?\s*[\w.\"`]+\s*(?P<at>(?:=|<>|!=)\s*NULL)\b"),
            "A comparison with NULL is never true; use IS NULL or IS NOT NULL.",
            "https://www.postgresql.org/docs/current/functions-comparison.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-not-in-subquery",
            regex(
                r"\bNOT\s+IN\s*\(\s*SELECT\s+(?:DISTINCT\s+)?(?!(?:\w+\.)?id\b)[\w.]+\s+FROM\b"
                r"(?![^()]*\bIS\s+NOT\s+NULL|[^()]*\bCOALESCE)"
            ),
            "NOT IN finds nothing as soon as the subquery returns a NULL; use NOT EXISTS.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_NOT_IN",
        ),
        Pattern(
            "sql-null-in-list",
            regex(r"\bNOT\s+IN\s*\((?:[^()]*,)?\s*(?P<at>NULL)\s*(?:,[^()]*)?\)"),
            "NOT IN with a NULL in its list is never true.",
            "https://www.postgresql.org/docs/current/functions-comparisons.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-case-when-null",
            regex(
                r"\bCASE\s+(?!WHEN\b)[\w.\"`]+\s+(?:WHEN\s+(?:'[^']*'|[\w.]+)\s+THEN\s+(?:'[^']*'|[\w.]+)\s+)*WH"
                r"EN\s+(?P<at>NULL)\b"
            ),
            "CASE compares with =, so WHEN NULL never matches; use CASE WHEN … IS NULL.",
            "https://www.postgresql.org/docs/current/functions-conditional.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-always-different",
            regex(
                r"(?P<at>(?P<column>\b[\w.\"`]+)\s*(?P<operator><>|!=)\s*(?P<value>'[^']*'|\d+)\s+OR\s+(?P=colum"
                r"n)\s*(?:<>|!=)\s*"
                r"(?!(?P=value)(?!\w))(?P<at2>'[^']*'|\d+))"
            ),
            "The column always differs from one of the two values, so the condition is always true; use AND.",
            "https://cwe.mitre.org/data/definitions/571.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-never-both",
            regex(
                r"(?<!BETWEEN\s)(?<![\w.])(?P<column>[a-z_][\w.\"`]*)\s*=\s*(?P<value>'[^']*'|\d+)\s+AND\s+(?P<a"
                r"t>(?P=column)\s*=\s*"
                r"(?!(?P=value)(?!\w))(?:'[^']*'|\d+))(?!\s*(?:OR|\+|-|\*|/|%|::))"
            ),
            "The column cannot equal both values, so the condition is never true; use OR or IN.",
            "https://cwe.mitre.org/data/definitions/570.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-or-without-parentheses",
            regex(
                rf"\bAND\s+(?P<column>[\w.\"]+)\s*(?:=|LIKE|ILIKE)\s*{VALUE}\s+(?P<at>OR)\s+(?P=column)\s*(?:=|"
                rf"LIKE\b|ILIKE\b|IS\b)"
                rf"|\b(?:WHERE|ON)\s+(?P<first>[\w.\"]+)\s*=\s*{VALUE}\s+(?P<at2>OR)\s+(?P=first)\s*(?:=\s*"
                rf"{VALUE}|IS\s+NULL)\s+AND\b"
                rf"|\bWHERE\s+(?:\w+\.)?(?:tenant|account|org|organi[sz]ation|owner|user|customer|company|worksp"
                rf"ace)_?id\s*=\s*{VALUE}"
                rf"\s+AND\s+(?:\w+\.)?\w+\s*(?:=|<|>|LIKE|ILIKE)\s*{VALUE}\s+(?P<at3>OR)\b"
            ),
            "AND binds tighter than OR, so the other conditions do not hold for both; put parentheses around the OR.",
            "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-column-compared-with-itself",
            regex(
                r"\b(?:WHERE|AND|OR|ON)\s{1,40}\(?\s{0,40}(?P<at>(?P<column>[a-z_]\w*(?:\.\w+)?)\s*=\s*(?P=colum"
                r"n))(?![\w.(])(?!\s*[-+*/|])"
            ),
            "The column is compared with itself, which is true for every row that has a value.",
            "https://cwe.mitre.org/data/definitions/571.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-aggregate-in-where",
            regex(
                r"(?<!\()\bWHERE\b(?:(?!\b(?:GROUP|ORDER|SELECT|HAVING|UNION|WINDOW|FILTER)\b)(?:[^();]|\([^()]*"
                r"\))){0,400}?\b(?P<at>(?:COUNT|SUM|AVG|MAX|MIN)\s*\((?!\s*SELECT))"
            ),
            "WHERE is evaluated before the rows are grouped, so it cannot use an aggregate; use HAVING.",
            "https://www.postgresql.org/docs/current/tutorial-agg.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-json-compared-with-text",
            regex(r"(?<![->])->\s*'\w+'\s*(?P<at>(?:=|<>|!=)\s*'[a-z][^'\"]*')"),
            "-> gives JSON, in which a text has double quotes; use ->> to compare with a text.",
            "https://www.postgresql.org/docs/current/functions-json.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-wildcard-compared",
            regex(r"(?P<at>(?:=|<>|!=)\s*'%[^'%]{1,60}%?')(?!\s*\|\|)"),
            "Only LIKE knows the wildcard; = compares with the percent sign itself.",
            "https://www.postgresql.org/docs/current/functions-matching.html",
            unless=regex(r"\bSET\s+\w+\s*=\s*'%"),
        ),
        Pattern(
            "sql-comma-missing-in-list",
            regex(r"\bIN\s*\((?:[^()']|'[^']*'\s*,){0,200}?\s*(?P<at>'[^']*'\s+'[^']*')"),
            "Without the comma the two texts are one.",
            "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-case-never-reached",
            regex(
                rf"\bWHEN\s+(?P<column>[\w.]+)\s*(?P<operator>[<>]=?)\s*(?P<first>\d+(?:\.\d+)?)\s+THEN\s+{VALUE}\s+"
                r"(?P<at>WHEN\s+(?P=column)\s*(?P=operator)\s*(?P<second>\d+(?:\.\d+)?))\s+THEN\b"
            ),
            "An earlier WHEN is true for all of these values, so this one is never reached; put the narrower one"
            " first.",
            "https://www.postgresql.org/docs/current/functions-conditional.html",
            check=_covered,
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-bounds-swapped",
            regex(
                r"\bBETWEEN\s+(?P<at>(?P<first>\d{1,12}|'\d[\d :.-]*')\s+AND\s+(?P<second>\d{1,12}|'\d[\d :.-]*'"
                r"))(?!\s*[-+*/:\w])"
            ),
            "The first bound is above the second, so nothing lies between them.",
            "https://www.postgresql.org/docs/current/functions-comparison.html",
            check=_falls,
            severity=Severity.ERROR,
        ),
    )
