"""Rules for SQL that writes rows."""

from __future__ import annotations

import functools
import re

from reviewer.evidence.statements.pattern import Pattern, regex, template
from reviewer.evidence.statements.sql.words import VALUE
from reviewer.finding import Category, Severity


def _differ_in_number(found: re.Match[str]) -> bool:
    """Say whether there are more or fewer values than columns."""
    values = re.sub(r"'(?:[^']|'')*'", "0", found["values"])
    return "(" not in values and found["columns"].count(",") != values.count(",")


@functools.cache  # compiled when the first file needs them
def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return (
        Pattern(
            "sql-write-without-where",
            regex(r"\A\s*(?:UPDATE\s+[\w.\"`\[\]]+(?:\s+(?:AS\s+)?\w+)?\s+SET\b|DELETE\s+FROM\s+[\w.\"`\[\]]+\s*\Z)"),
            "Without WHERE, the statement changes every row.",
            "https://cwe.mitre.org/data/definitions/1287.html",
            unless=regex(r"\b(?:WHERE|LIMIT|FROM|JOIN)\b(?!\s+[\w.\"`\[\]]+\s*\Z)"),
            ignores=regex(
                r"migrat|schema|upgrade|seed|fixture|/tests?/"
            ),  # they fill a new column, or a table of their own
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-assignments-joined-with-and",
            regex(
                rf"\A\s*UPDATE\s+[\w.\"`\[\]]+(?:\s+(?:AS\s+)?\w+)?\s+SET\s+[\w.\"`]+\s*=\s*{VALUE}\s+(?P<at>AN"
                rf"D)\s+[\w.\"`]+\s*=\s*"
            ),
            "AND makes one condition of both, whose truth value is assigned to the first column; use a comma.",
            "https://www.postgresql.org/docs/current/sql-update.html",
            fix=template(","),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-number-of-values",
            regex(
                r"\bINSERT\s+INTO\s+[\w.\"`\[\]]+\s*(?P<at>\((?P<columns>[\w\s,\"`\[\]]{1,600})\)\s*VALUES"
                r"\s*\((?P<values>(?:[^()']|'(?:[^']|'')*'){1,600})\))"
            ),
            "There are not as many values as columns, so the statement fails.",
            "https://www.postgresql.org/docs/current/sql-insert.html",
            check=_differ_in_number,
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-conflict-without-target",
            regex(r"(?<!')\b(?P<at>ON\s+CONFLICT\s+DO\s+UPDATE)\b"),
            "DO UPDATE needs the columns of the conflict, so the statement fails.",
            "https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-next-number-from-maximum",
            regex(
                r"\A[^;]*?\b(?:INSERT|INTO|SET|DEFAULT|RETURN)\b[^;]*?(?P<at>(?:COALESCE|IFNULL|ISNULL)?"
                r"\s*\(?\s*MAX\s*\(\s*[\w.]*(?:id|number|num|no|seq\w*|position|version)\s*\)"
                r"(?:\s*,\s*0\s*\))?\s*\+\s*1)"
            ),
            "Two transactions at the same time read the same maximum and get the same number; use a sequence.",
            "https://www.postgresql.org/docs/current/functions-sequence.html",
            category=Category.CONCURRENCY,
        ),
        Pattern(
            "sql-value-changed-meanwhile",
            regex(
                r"(?P<at>\bSELECT\s+[\w.]+\s+INTO\s+(?:STRICT\s+)?(?P<variable>\w+)\s+FROM\s+(?P<table>[\w.]+)"
                r"\b(?:(?!FOR\s+(?:NO\s+KEY\s+)?UPDATE)[^;]){0,300};)"
                r"[\s\S]{0,900}?\bUPDATE\s+(?P=table)\s+SET\s+[\w.]+\s*=\s*(?P=variable)\s*[-+]"
            ),
            "Another transaction can change the value between SELECT and UPDATE; add FOR UPDATE, or compute it i"
            "n UPDATE.",
            "https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS",
            category=Category.CONCURRENCY,
            unless=regex(r"\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b|advisory|\bUPDLOCK\b|SERIALIZABLE"),
        ),
    )
