"""Rules for joins, groups, order and windows in SQL."""

from __future__ import annotations

import functools
import re

from reviewer.evidence.statements.pattern import Pattern, regex
from reviewer.evidence.statements.sql.words import MONEY
from reviewer.finding import Severity


def _ungrouped(found: re.Match[str]) -> bool:
    """Say whether a plain column of the list is not among the grouped ones, none of which is a key."""
    grouped = {one.strip().rpartition(".")[2] for one in found["grouped"].lower().split(",")}
    listed = {one.strip().rpartition(".")[2] for one in found["list"].lower().split(",") if "(" not in one}
    plain = {one for one in listed if re.fullmatch(r"[a-z_]\w*", one)}
    return bool(plain - grouped) and not any(one.isdecimal() or "(" in one or one in ("id", "uuid") for one in grouped)


@functools.cache  # compiled when the first file needs them
def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return (
        Pattern(
            "sql-join-without-condition",
            regex(
                r"\b(?P<at>(?:INNER|LEFT|RIGHT|FULL)\s+(?:OUTER\s+)?JOIN\s+[\w.\"`]+(?:\s+(?:AS\s+)?(?!WHERE|GRO"
                r"UP|ORDER|LIMIT|ON|USING)\w+)?)\s*(?=WHERE\b|GROUP\s+BY\b|ORDER\s+BY\b|LIMIT\b|\Z)"
            ),
            "The join has no ON or USING, so it fails or pairs every row with every other.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
            unless=regex(r"\bNATURAL\b"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-outer-join-undone",
            regex(
                r"\bLEFT\s+(?:OUTER\s+)?JOIN\s+(?!pg_)(?:[\w\"]+\.)?(?:[\w\"]+\s+(?:AS\s+)?(?!ON\b|USING\b))?(?P"
                r"<alias>\w+)\s+(?:ON|USING)\b"
                r"(?:[^();]|\([^()]*\)){1,400}?\bWHERE\b(?:(?!\b(?:OR|GROUP|ORDER|HAVING|UNION|SELECT)\b)(?:[^()"
                r";]|\([^()]*\))){0,400}?"
                r"\b(?P<at>(?P=alias)\.\w+\s*(?:=|<>|!=|<=?|>=?|\bIN\b|\bLIKE\b|\bBETWEEN\b))(?![\s\S]{0,40"
                r"0}\b(?P=alias)\.\w+\s+IS\s+NULL)"
            ),
            "WHERE drops the rows without a match, so the outer join works as an inner one; move the condition to ON.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
        ),
        Pattern(
            "sql-tables-not-linked",
            regex(
                r"\bFROM\s+[\w.\"]+\s+(?:AS\s+)?(?P<one>\w+)\s*,\s*[\w.\"]+\s+(?:AS\s+)?(?P<other>\w+)\s+(?P<at>"
                r"WHERE)\b"
                r"(?![\s\S]{0,800}\b(?:(?P=one)\.\w+\W{1,12}(?P=other)\.|(?P=other)\.\w+\W{1,12}(?P=one)\.))(?!["
                r"\s\S]{0,800}\b(?:SELECT|ST_|IN\s*\())"
            ),
            "No condition links the two tables, so every row of one is paired with every row of the other.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
            unless=regex(r"\bLATERAL\b|\bunnest\b|generate_series|json\w*_"),
        ),
        Pattern(
            "sql-rows-multiplied-by-joins",
            regex(
                r"\b(?P<at>(?:SUM|COUNT|AVG)\s*\(\s*(?P<one>\w+)\.\w+\s*\))[^;]{0,300}?\b(?:SUM|COUNT|AVG)\s*"
                r"\(\s*(?P<two>(?!(?P=one)\b)\w+)\.\w+\s*\)"
                r"[^;]{0,300}?\bJOIN\s+[\w.]+\s+(?:AS\s+)?(?P=one)\s+ON\s+(?P=one)\.\w+\s*=\s*(?P<parent>\w+\.\w+)\s"
                r"[^;]{0,200}?\bJOIN\s+[\w.]+\s+(?:AS\s+)?(?P=two)\s+ON\s+(?P=two)\.\w+\s*=\s*(?P=parent)\b"
            ),
            "Each row of one table is paired with each row of the other, so both results are too large.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-count-of-missing-row",
            regex(
                r"\bSELECT\b(?:(?!\bFROM\b)[^;]){1,300}?(?<!DISTINCT\s)\b(?P<at>COUNT\s*\(\s*(?:\*|1)\s*\))(?!"
                r"\s*(?:OVER|FILTER|-|>))"
                r"(?:(?!\bFROM\b)[^;]){0,300}\bFROM\s+[\w.\"]+(?:\s+(?:AS\s+)?\w+)?\s+LEFT\s+(?:OUTER\s+)?JOIN"
                r"\b[^;]{1,300}?\bGROUP\s+BY\b"
            ),
            "A row without a match is counted as one; count a column of the joined table.",
            "https://www.postgresql.org/docs/current/functions-aggregate.html",
            unless=regex(r"\b(?:INNER|RIGHT|FULL|CROSS)\s+JOIN\b|\bUNION\b"),
        ),
        Pattern(
            "sql-sum-of-distinct",
            regex(
                rf"\b(?P<at>(?:SUM|AVG)\s*\(\s*DISTINCT)\s+(?:\w+\.)?(?:{MONEY}|quantity|qty|total\w*|hours|min"
                rf"utes|weight|value)\b"
            ),
            "DISTINCT drops equal values, so two equal amounts are counted once; sum before the join instead.",
            "https://www.postgresql.org/docs/current/sql-expressions.html#SYNTAX-AGGREGATES",
        ),
        Pattern(
            "sql-division-of-counts",
            regex(
                r"(?<!\*\s)(?<!\*)\b(?P<at>COUNT\s*\([^()]*\)(?:\s*FILTER\s*\([^()]*\))?\s*/)\s*(?:NULLIF"
                r"\s*\(\s*)?(?:COUNT\s*\(|SUM\s*\(\s*COUNT)"
                r"|\b(?P<at2>SUM\s*\(\s*CASE\b[^()]{1,200}\bEND\s*\)\s*/)\s*(?:NULLIF\s*\(\s*)?COUNT\s*\("
            ),
            "Both counts are whole numbers, so PostgreSQL, SQLite and SQL Server drop the fraction; convert one first.",
            "https://www.postgresql.org/docs/current/functions-math.html",
            unless=regex(
                r"\d\.0|::\s*(?:numeric|float|decimal|double|real)|\bCAST\b|\bCONVERT\b|AUTO_INCREMENT|\bENGINE\b"
            ),
        ),
        Pattern(
            "sql-column-not-grouped",
            regex(
                r"\A\s*SELECT\s+(?P<at>[a-z_][\w.]*)\s*,\s*(?:[a-z_][\w.]*\s*,\s*){0,5}(?:COUNT|SUM|AVG|MAX|MIN)"
                r"\s*\([^()]*\)(?!\s*OVER)[^;]*\bFROM\b"
            ),
            "The column is not grouped, so the query fails, or takes the value of any row; add GROUP BY.",
            "https://www.postgresql.org/docs/current/tutorial-agg.html",
            unless=regex(r"\bGROUP\s+BY\b|\bOVER\b|\bSELECT\b[^;]*\bSELECT\b|\bDISTINCT\b"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-column-left-out-of-group",
            regex(
                r"\A\s*(?P<at>SELECT)\s+(?P<list>(?:[a-z_][\w.]*\s*,\s*){0,8}(?:COUNT|SUM|AVG|MAX|MIN)\s*\([^()]"
                r"*\)(?!\s*OVER)"
                r"(?:\s+AS\s+\w+)?(?:\s*,\s*(?:[a-z_][\w.]*|(?:COUNT|SUM|AVG|MAX|MIN)\s*\([^()]*\)(?:\s+AS\s+\w+"
                r")?)){0,8})\s+FROM\b"
                r"(?:(?!\bSELECT\b)[^;])*?\bGROUP\s+BY\s+(?P<grouped>[\w.,\s]+?)\s*(?:\Z|\bHAVING\b|\bORDER\b|"
                r"\bLIMIT\b)"
            ),
            "A listed column is neither grouped nor aggregated, so the query fails, or takes the value of any row.",
            "https://www.postgresql.org/docs/current/tutorial-agg.html",
            check=_ungrouped,
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-page-without-order",
            regex(
                r"\A(?=[^;]*\bFROM\b)(?![^;]*\bORDER\s+BY\b)[^;]*?\b(?P<at>LIMIT\s+\S+\s+OFFSET|OFFSET\s+\S+\s+("
                r"?:ROWS?\s+FETCH|LIMIT))\b"
            ),
            "Without ORDER BY the rows come in any order, so pages can repeat rows and leave others out.",
            "https://www.postgresql.org/docs/current/queries-limit.html",
        ),
        Pattern(
            "sql-distinct-on-without-order",
            regex(r"\bSELECT\s+(?P<at>DISTINCT\s+ON)\s*\((?![^;]*\bORDER\s+BY\b)"),
            "Without ORDER BY, which row of each group is kept is left to chance.",
            "https://www.postgresql.org/docs/current/sql-select.html#SQL-DISTINCT",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-last-value-of-frame",
            regex(
                r"\b(?P<at>LAST_VALUE\s*\([^()]*\)\s*OVER)\s*\((?=[^()]*\bORDER\s+BY\b)(?![^()]*\b(?:ROWS|RANGE|"
                r"GROUPS)\b)"
            ),
            "The frame ends at the current row, so this is the current row's value; name the frame, or use FIRST"
            "_VALUE.",
            "https://www.postgresql.org/docs/current/functions-window.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-numbered-without-order",
            regex(
                r"\b(?P<at>(?:ROW_NUMBER|RANK|DENSE_RANK|LAG|LEAD|FIRST_VALUE)\s*\([^()]*\)\s*OVER)\s*\((?![^()]"
                r"*\bORDER\s+BY\b)\s*PARTITION\b"
            ),
            "Without ORDER BY in the window, which row comes first is left to chance.",
            "https://www.postgresql.org/docs/current/functions-window.html",
        ),
    )
