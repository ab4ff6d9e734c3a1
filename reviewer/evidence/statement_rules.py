"""The rules for SQL and Dockerfiles, which ast-grep has no grammar for: patterns in single statements."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.finding import Category, Severity

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Pattern:
    """One rule.

    Attributes:
        found: Matches the fault, in the text of one statement; the finding names the line of its group ``at`` (``at2``
            and so on in further alternatives), or of its start.
        unless: Makes a statement right that ``found`` matches.
        check: Says whether a match of ``found`` is the fault, where a regex cannot tell.
        fix: Makes what stands for the text of the group ``at``; None where there is no mechanical fix.
        ignores: Paths that the rule does not apply to.
    """

    id: str
    found: re.Pattern[str]
    message: str
    url: str
    unless: re.Pattern[str] | None = None
    check: Callable[[re.Match[str]], bool] | None = None
    ignores: re.Pattern[str] | None = None
    fix: Callable[[re.Match[str]], str] | None = None
    severity: Severity = Severity.WARNING
    category: Category = Category.BUG


def _template(text: str) -> Callable[[re.Match[str]], str]:
    return lambda found: found.expand(text)


def _regex(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


_SECRET_NAME = r"\w*(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)"  # noqa: S105 - a pattern
_TIME = r"(?:\w+\.)?(?:\w+_at|\w*time(?:stamp)?|\w*_ts|ts|created|updated|modified)"

_DAY = (
    r"[:@$]?\w*(?:end_?da(?:te|y)|last_?da(?:te|y)|date_?(?:to|end|until)|(?:to|until|month|period)_?(?:date|end"
    r")|day_?end)\b"
    r"(?:\s*::\s*date)?|CURRENT_DATE|CURDATE\s*\(\s*\)|LAST_DAY\s*\([^()]*\)|(?:CAST\s*\(\s*)?GETDATE"
    r"\s*\(\s*\)\s+AS\s+DATE\s*\)"
    r"|[:@$]\w+\s*::\s*date\b|\([^;]{0,90}?interval\s*'1\s+month'\s*-\s*interval\s*'1\s+day'"
)
_VALUE = r"(?:'[^']*'|\?|[:@$]?\w+(?:\.\w+)?)"
_MONEY = r"(?:\w+_)?(?:price|amount|balance|cost|salary|fee|revenue|subtotal)(?:_(?:usd|eur|net|gross|total))?"


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


def _ungrouped(found: re.Match[str]) -> bool:
    """Say whether a plain column of the list is not among the grouped ones, none of which is a key."""
    grouped = {one.strip().rpartition(".")[2] for one in found["grouped"].lower().split(",")}
    listed = {one.strip().rpartition(".")[2] for one in found["list"].lower().split(",") if "(" not in one}
    plain = {one for one in listed if re.fullmatch(r"[a-z_]\w*", one)}
    return bool(plain - grouped) and not any(one.isdecimal() or "(" in one or one in ("id", "uuid") for one in grouped)


def _differ_in_number(found: re.Match[str]) -> bool:
    """Say whether there are more or fewer values than columns."""
    values = re.sub(r"'(?:[^']|'')*'", "0", found["values"])
    return "(" not in values and found["columns"].count(",") != values.count(",")


_PACKAGES = r"apt(?:-get)?(?:\s+-\S+)*\s+install"


@functools.cache  # compiled when the first file needs them
def sql() -> tuple[Pattern, ...]:
    """Return the rules for SQL."""
    return (
        Pattern(
            "sql-write-without-where",
            _regex(r"\A\s*(?:UPDATE\s+[\w.\"`\[\]]+(?:\s+(?:AS\s+)?\w+)?\s+SET\b|DELETE\s+FROM\s+[\w.\"`\[\]]+\s*\Z)"),
            "Without WHERE, the statement changes every row.",
            "https://cwe.mitre.org/data/definitions/1287.html",
            unless=_regex(r"\b(?:WHERE|LIMIT|FROM|JOIN)\b(?!\s+[\w.\"`\[\]]+\s*\Z)"),
            ignores=_regex(
                r"migrat|schema|upgrade|seed|fixture|/tests?/"
            ),  # they fill a new column, or a table of their own
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-null-compared",
            _regex(r"\b(?:WHERE|AND|OR|ON|WHEN|HAVING|NOT)\s+\(?\s*[\w.\"`]+\s*(?P<at>(?:=|<>|!=)\s*NULL)\b"),
            "A comparison with NULL is never true; use IS NULL or IS NOT NULL.",
            "https://www.postgresql.org/docs/current/functions-comparison.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-not-in-subquery",
            _regex(
                r"\bNOT\s+IN\s*\(\s*SELECT\s+(?:DISTINCT\s+)?(?!(?:\w+\.)?id\b)[\w.]+\s+FROM\b"
                r"(?![^()]*\bIS\s+NOT\s+NULL|[^()]*\bCOALESCE)"
            ),
            "NOT IN finds nothing as soon as the subquery returns a NULL; use NOT EXISTS.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_NOT_IN",
        ),
        Pattern(
            "sql-last-day-cut",
            _regex(
                rf"\b{_TIME}(?:\s+BETWEEN\s+[^;]{{1,60}}?\s+AND\s+|\s*<=\s*)(?P<at>(?:DATE\s*|TIMESTAMP\s*)?"
                r"'\d{4}-\d\d-(?:2[89]|3[01])')(?!\s*(?:\+|::\s*date))"
            ),
            "The date means the beginning of the last day, so the rest of that day is left out; use < the next day.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_BETWEEN_(especially_with_timestamps)",
        ),
        Pattern(
            "sql-null-in-list",
            _regex(r"\bNOT\s+IN\s*\((?:[^()]*,)?\s*(?P<at>NULL)\s*(?:,[^()]*)?\)"),
            "NOT IN with a NULL in its list is never true.",
            "https://www.postgresql.org/docs/current/functions-comparisons.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-case-when-null",
            _regex(
                r"\bCASE\s+(?!WHEN\b)[\w.\"`]+\s+(?:WHEN\s+(?:'[^']*'|[\w.]+)\s+THEN\s+(?:'[^']*'|[\w.]+)\s+)*WH"
                r"EN\s+(?P<at>NULL)\b"
            ),
            "CASE compares with =, so WHEN NULL never matches; use CASE WHEN … IS NULL.",
            "https://www.postgresql.org/docs/current/functions-conditional.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-always-different",
            _regex(
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
            _regex(
                r"(?<!BETWEEN\s)(?<![\w.])(?P<column>[a-z_][\w.\"`]*)\s*=\s*(?P<value>'[^']*'|\d+)\s+AND\s+(?P<a"
                r"t>(?P=column)\s*=\s*"
                r"(?!(?P=value)(?!\w))(?:'[^']*'|\d+))(?!\s*(?:OR|\+|-|\*|/|%|::))"
            ),
            "The column cannot equal both values, so the condition is never true; use OR or IN.",
            "https://cwe.mitre.org/data/definitions/570.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-required-column-without-default",
            _regex(
                r"\A\s*ALTER\s+TABLE\s+[^;]*?\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<at>[\w\"`]+"
                r"\s+\w+[^,;]*?\bNOT\s+NULL)\b"
            ),
            "The table may have rows, and they get no value for a new column that is NOT NULL and has no DEFAULT.",
            "https://www.postgresql.org/docs/current/sql-altertable.html",
            unless=_regex(
                r"\bDEFAULT\b|\bGENERATED\b|\bSERIAL\b|\bBIGSERIAL\b|AUTO_INCREMENT|IDENTITY|\bADD\s+(?:CONSTRAI"
                r"NT|CHECK|PRIMARY)"
            ),
            category=Category.COMPATIBILITY,
        ),
        Pattern(
            "sql-join-without-condition",
            _regex(
                r"\b(?P<at>(?:INNER|LEFT|RIGHT|FULL)\s+(?:OUTER\s+)?JOIN\s+[\w.\"`]+(?:\s+(?:AS\s+)?(?!WHERE|GRO"
                r"UP|ORDER|LIMIT|ON|USING)\w+)?)\s*(?=WHERE\b|GROUP\s+BY\b|ORDER\s+BY\b|LIMIT\b|\Z)"
            ),
            "The join has no ON or USING, so it fails or pairs every row with every other.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
            unless=_regex(r"\bNATURAL\b"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-last-day-cut-by-variable",
            _regex(
                rf"\b{_TIME}(?:\s+BETWEEN\s+[^;]{{1,60}}?\s+AND\s+|\s*<=\s*)(?P<at>(?:\w+\.)?(?:{_DAY}))(?!\s*(?"
                rf":\+|\())"
            ),
            "A date means the beginning of the day, so the rest of the last day is left out; use < the next day.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_BETWEEN_(especially_with_timestamps)",
        ),
        Pattern(
            "sql-outer-join-undone",
            _regex(
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
            "sql-assignments-joined-with-and",
            _regex(
                rf"\A\s*UPDATE\s+[\w.\"`\[\]]+(?:\s+(?:AS\s+)?\w+)?\s+SET\s+[\w.\"`]+\s*=\s*{_VALUE}\s+(?P<at>AN"
                rf"D)\s+[\w.\"`]+\s*=\s*"
            ),
            "AND makes one condition of both, whose truth value is assigned to the first column; use a comma.",
            "https://www.postgresql.org/docs/current/sql-update.html",
            fix=_template(","),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-or-without-parentheses",
            _regex(
                rf"\bAND\s+(?P<column>[\w.\"]+)\s*(?:=|LIKE|ILIKE)\s*{_VALUE}\s+(?P<at>OR)\s+(?P=column)\s*(?:=|"
                rf"LIKE\b|ILIKE\b|IS\b)"
                rf"|\b(?:WHERE|ON)\s+(?P<first>[\w.\"]+)\s*=\s*{_VALUE}\s+(?P<at2>OR)\s+(?P=first)\s*(?:=\s*"
                rf"{_VALUE}|IS\s+NULL)\s+AND\b"
                rf"|\bWHERE\s+(?:\w+\.)?(?:tenant|account|org|organi[sz]ation|owner|user|customer|company|worksp"
                rf"ace)_?id\s*=\s*{_VALUE}"
                rf"\s+AND\s+(?:\w+\.)?\w+\s*(?:=|<|>|LIKE|ILIKE)\s*{_VALUE}\s+(?P<at3>OR)\b"
            ),
            "AND binds tighter than OR, so the other conditions do not hold for both; put parentheses around the OR.",
            "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-column-compared-with-itself",
            _regex(
                r"\b(?:WHERE|AND|OR|ON)\s{1,40}\(?\s{0,40}(?P<at>(?P<column>[a-z_]\w*(?:\.\w+)?)\s*=\s*(?P=colum"
                r"n))(?![\w.(])(?!\s*[-+*/|])"
            ),
            "The column is compared with itself, which is true for every row that has a value.",
            "https://cwe.mitre.org/data/definitions/571.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-aggregate-in-where",
            _regex(
                r"(?<!\()\bWHERE\b(?:(?!\b(?:GROUP|ORDER|SELECT|HAVING|UNION|WINDOW|FILTER)\b)(?:[^();]|\([^()]*"
                r"\))){0,400}?\b(?P<at>(?:COUNT|SUM|AVG|MAX|MIN)\s*\((?!\s*SELECT))"
            ),
            "WHERE is evaluated before the rows are grouped, so it cannot use an aggregate; use HAVING.",
            "https://www.postgresql.org/docs/current/tutorial-agg.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-count-of-missing-row",
            _regex(
                r"\bSELECT\b(?:(?!\bFROM\b)[^;]){1,300}?(?<!DISTINCT\s)\b(?P<at>COUNT\s*\(\s*(?:\*|1)\s*\))(?!"
                r"\s*(?:OVER|FILTER|-|>))"
                r"(?:(?!\bFROM\b)[^;]){0,300}\bFROM\s+[\w.\"]+(?:\s+(?:AS\s+)?\w+)?\s+LEFT\s+(?:OUTER\s+)?JOIN"
                r"\b[^;]{1,300}?\bGROUP\s+BY\b"
            ),
            "A row without a match is counted as one; count a column of the joined table.",
            "https://www.postgresql.org/docs/current/functions-aggregate.html",
            unless=_regex(r"\b(?:INNER|RIGHT|FULL|CROSS)\s+JOIN\b|\bUNION\b"),
        ),
        Pattern(
            "sql-sum-of-distinct",
            _regex(
                rf"\b(?P<at>(?:SUM|AVG)\s*\(\s*DISTINCT)\s+(?:\w+\.)?(?:{_MONEY}|quantity|qty|total\w*|hours|min"
                rf"utes|weight|value)\b"
            ),
            "DISTINCT drops equal values, so two equal amounts are counted once; sum before the join instead.",
            "https://www.postgresql.org/docs/current/sql-expressions.html#SYNTAX-AGGREGATES",
        ),
        Pattern(
            "sql-division-of-counts",
            _regex(
                r"(?<!\*\s)(?<!\*)\b(?P<at>COUNT\s*\([^()]*\)(?:\s*FILTER\s*\([^()]*\))?\s*/)\s*(?:NULLIF"
                r"\s*\(\s*)?(?:COUNT\s*\(|SUM\s*\(\s*COUNT)"
                r"|\b(?P<at2>SUM\s*\(\s*CASE\b[^()]{1,200}\bEND\s*\)\s*/)\s*(?:NULLIF\s*\(\s*)?COUNT\s*\("
            ),
            "Both counts are whole numbers, so PostgreSQL, SQLite and SQL Server drop the fraction; convert one first.",
            "https://www.postgresql.org/docs/current/functions-math.html",
            unless=_regex(
                r"\d\.0|::\s*(?:numeric|float|decimal|double|real)|\bCAST\b|\bCONVERT\b|AUTO_INCREMENT|\bENGINE\b"
            ),
        ),
        Pattern(
            "sql-page-without-order",
            _regex(
                r"\A(?=[^;]*\bFROM\b)(?![^;]*\bORDER\s+BY\b)[^;]*?\b(?P<at>LIMIT\s+\S+\s+OFFSET|OFFSET\s+\S+\s+("
                r"?:ROWS?\s+FETCH|LIMIT))\b"
            ),
            "Without ORDER BY the rows come in any order, so pages can repeat rows and leave others out.",
            "https://www.postgresql.org/docs/current/queries-limit.html",
        ),
        Pattern(
            "sql-money-as-float",
            _regex(
                rf"\b(?:CREATE\s+TABLE|ADD(?:\s+COLUMN)?|ALTER\s+COLUMN)\b[^;]*?(?P<at>\b{_MONEY}[\"`\]]?\s+(?:T"
                rf"YPE\s+)?(?:FLOAT|REAL|DOUBLE)\b)"
            ),
            "A binary fraction cannot hold most amounts of money exactly; use NUMERIC, or whole cents.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This",
        ),
        Pattern(
            "sql-last-value-of-frame",
            _regex(
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
            _regex(
                r"\b(?P<at>(?:ROW_NUMBER|RANK|DENSE_RANK|LAG|LEAD|FIRST_VALUE)\s*\([^()]*\)\s*OVER)\s*\((?![^()]"
                r"*\bORDER\s+BY\b)\s*PARTITION\b"
            ),
            "Without ORDER BY in the window, which row comes first is left to chance.",
            "https://www.postgresql.org/docs/current/functions-window.html",
        ),
        Pattern(
            "sql-months-of-all-years",
            _regex(
                r"\bGROUP\s+BY\b[^;]*?(?P<at>EXTRACT\s*\(\s*(?:MONTH|WEEK)\b|DATE_PART\s*\(\s*'(?:month|week)'|"
                r"\b(?:MONTH|WEEK)\s*\(|STRFTI"
                r"ME\s*\(\s*'%m')"
            ),
            "The same month or week of every year falls into one group; group by the year as well.",
            "https://www.postgresql.org/docs/current/functions-datetime.html",
            unless=_regex(r"\bYEAR\b|'%Y|YYYY|\bWHERE\b[^;]*(?:_at|date|time|_on|day)\b"),
        ),
        Pattern(
            "sql-date-pattern-confused",
            _regex(
                r"\bTO_CHAR\s*\([^'\n]{1,80},\s*(?P<at>'[^'\n]*(?:HH(?:12|24)?:MM|YYYY-MI\b|IYYY-MM|YYYY-[\"W]*I"
                r"W|IYYY-[\"W]*WW|(?<!H)HH(?:12)?:MI(?![^'\n]*[AP]\.?M))[^'\n]*')"
                r"|\b(?:DATE_FORMAT|STRFTIME)\s*\([^;\n]{0,80}?(?P<at2>'[^'\n]*(?:%H:%m|%Y-%M-|%Y-%i|%h:%i(?!"
                r"\S*\s*%p))[^'\n]*')"
            ),
            "The pattern mixes up the month with the minute, the kinds of year, or hours to 12 with hours to 24.",
            "https://www.postgresql.org/docs/current/functions-formatting.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-distinct-on-without-order",
            _regex(r"\bSELECT\s+(?P<at>DISTINCT\s+ON)\s*\((?![^;]*\bORDER\s+BY\b)"),
            "Without ORDER BY, which row of each group is kept is left to chance.",
            "https://www.postgresql.org/docs/current/sql-select.html#SQL-DISTINCT",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-next-number-from-maximum",
            _regex(
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
            _regex(
                r"(?P<at>\bSELECT\s+[\w.]+\s+INTO\s+(?:STRICT\s+)?(?P<variable>\w+)\s+FROM\s+(?P<table>[\w.]+)"
                r"\b(?:(?!FOR\s+(?:NO\s+KEY\s+)?UPDATE)[^;]){0,300};)"
                r"[\s\S]{0,900}?\bUPDATE\s+(?P=table)\s+SET\s+[\w.]+\s*=\s*(?P=variable)\s*[-+]"
            ),
            "Another transaction can change the value between SELECT and UPDATE; add FOR UPDATE, or compute it i"
            "n UPDATE.",
            "https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS",
            category=Category.CONCURRENCY,
            unless=_regex(r"\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b|advisory|\bUPDLOCK\b|SERIALIZABLE"),
        ),
        Pattern(
            "sql-definer-without-search-path",
            _regex(r"\A\s*CREATE\b[^;]*?\bFUNCTION\b[\s\S]*?(?P<at>\bSECURITY\s+DEFINER\b)"),
            "The function runs with its owner's rights and the caller's search_path, so a caller can replace wha"
            "t it calls.",
            "https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY",
            unless=_regex(r"\bsearch_path\b"),
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-command-of-values",
            _regex(
                r"\bEXECUTE\s+(?P<at>'(?:[^']|'')*'\s*\|\|\s*(?!quote_|format\b|\()\w+)"
                r"|\bEXECUTE\s+(?P<at2>format\s*\(\s*'(?:[^']|'')*(?:=|LIKE|IN\s*\()\s*(?:'')?%{0,2}%s)"
                r"|\b(?:EXEC(?:UTE)?\s*\(\s*|SET\s+@\w+\s*=\s*)(?P<at3>N?'(?:[^']|'')*\b(?:SELECT|UPDATE|DELETE"
                r"|INSERT|WHERE)\b(?:[^']|'')*'\s*\+\s*@\w+)"
                r"|\b\w+\s*:=\s*(?P<at4>'\s*(?:SELECT|UPDATE|DELETE|INSERT)\b(?:[^']|'')*'\s*\|\|\s*(?!quote_|f"
                r"ormat\b|\()\w+)"
            ),
            "The value becomes part of the command, so it can change the command; pass it with USING, or quote it.",
            "https://www.postgresql.org/docs/current/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN",
            unless=_regex(r"\bQUOTENAME\b"),
            severity=Severity.ERROR,
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-json-compared-with-text",
            _regex(r"(?<![->])->\s*'\w+'\s*(?P<at>(?:=|<>|!=)\s*'[a-z][^'\"]*')"),
            "-> gives JSON, in which a text has double quotes; use ->> to compare with a text.",
            "https://www.postgresql.org/docs/current/functions-json.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-comma-missing-in-list",
            _regex(r"\bIN\s*\((?:[^()']|'[^']*'\s*,){0,200}?\s*(?P<at>'[^']*'\s+'[^']*')"),
            "Without the comma the two texts are one.",
            "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-case-never-reached",
            _regex(
                rf"\bWHEN\s+(?P<column>[\w.]+)\s*(?P<operator>[<>]=?)\s*(?P<first>\d+(?:\.\d+)?)\s+THEN\s+{_VALUE}\s+"
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
            _regex(
                r"\bBETWEEN\s+(?P<at>(?P<first>\d{1,12}|'\d[\d :.-]*')\s+AND\s+(?P<second>\d{1,12}|'\d[\d :.-]*'"
                r"))(?!\s*[-+*/:\w])"
            ),
            "The first bound is above the second, so nothing lies between them.",
            "https://www.postgresql.org/docs/current/functions-comparison.html",
            check=_falls,
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-number-of-values",
            _regex(
                r"\bINSERT\s+INTO\s+[\w.\"`\[\]]+\s*(?P<at>\((?P<columns>[\w\s,\"`\[\]]{1,600})\)\s*VALUES"
                r"\s*\((?P<values>(?:[^()']|'(?:[^']|'')*'){1,600})\))"
            ),
            "There are not as many values as columns, so the statement fails.",
            "https://www.postgresql.org/docs/current/sql-insert.html",
            check=_differ_in_number,
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-column-not-grouped",
            _regex(
                r"\A\s*SELECT\s+(?P<at>[a-z_][\w.]*)\s*,\s*(?:[a-z_][\w.]*\s*,\s*){0,5}(?:COUNT|SUM|AVG|MAX|MIN)"
                r"\s*\([^()]*\)(?!\s*OVER)[^;]*\bFROM\b"
            ),
            "The column is not grouped, so the query fails, or takes the value of any row; add GROUP BY.",
            "https://www.postgresql.org/docs/current/tutorial-agg.html",
            unless=_regex(r"\bGROUP\s+BY\b|\bOVER\b|\bSELECT\b[^;]*\bSELECT\b|\bDISTINCT\b"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-column-left-out-of-group",
            _regex(
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
            "sql-rows-multiplied-by-joins",
            _regex(
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
            "sql-trigger-returns-nothing",
            _regex(r"\A\s*CREATE\b[^;]{0,200}?(?P<at>\bRETURNS\s+TRIGGER\b)(?=[\s\S]*\bBEGIN\b)"),
            "A trigger function that ends without RETURN fails at run time.",
            "https://www.postgresql.org/docs/current/plpgsql-trigger.html",
            unless=_regex(r"\bRETURN\s+\w|\bRAISE\s+EXCEPTION\b"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-all-rights-for-everyone",
            _regex(r"\A\s*(?P<at>GRANT\s+ALL\b[^;]*?\bTO\s+(?:PUBLIC\b|['\"]?\w+['\"]?@['\"]%['\"]))"),
            "Anyone who reaches the database gets all rights; grant what is needed to the role that needs it.",
            "https://cwe.mitre.org/data/definitions/732.html",
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-policy-for-everyone",
            _regex(
                r"\A\s*CREATE\s+POLICY\b(?=[^;]*\bFOR\s+(?:ALL|UPDATE|DELETE|INSERT)\b)[^;]*?(?P<at>\b(?:USING|W"
                r"ITH\s+CHECK)\s*\(\s*true\s*\))"
            ),
            "The policy lets everyone change every row.",
            "https://www.postgresql.org/docs/current/sql-createpolicy.html",
            unless=_regex(r"\bTO\s+(?:service_role|postgres|\w*admin\w*)\b"),
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-tables-not-linked",
            _regex(
                r"\bFROM\s+[\w.\"]+\s+(?:AS\s+)?(?P<one>\w+)\s*,\s*[\w.\"]+\s+(?:AS\s+)?(?P<other>\w+)\s+(?P<at>"
                r"WHERE)\b"
                r"(?![\s\S]{0,800}\b(?:(?P=one)\.\w+\W{1,12}(?P=other)\.|(?P=other)\.\w+\W{1,12}(?P=one)\.))(?!["
                r"\s\S]{0,800}\b(?:SELECT|ST_|IN\s*\())"
            ),
            "No condition links the two tables, so every row of one is paired with every row of the other.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
            unless=_regex(r"\bLATERAL\b|\bunnest\b|generate_series|json\w*_"),
        ),
        Pattern(
            "sql-wildcard-compared",
            _regex(r"(?P<at>(?:=|<>|!=)\s*'%[^'%]{1,60}%?')(?!\s*\|\|)"),
            "Only LIKE knows the wildcard; = compares with the percent sign itself.",
            "https://www.postgresql.org/docs/current/functions-matching.html",
            unless=_regex(r"\bSET\s+\w+\s*=\s*'%"),
        ),
        Pattern(
            "sql-conflict-without-target",
            _regex(r"(?<!')\b(?P<at>ON\s+CONFLICT\s+DO\s+UPDATE)\b"),
            "DO UPDATE needs the columns of the conflict, so the statement fails.",
            "https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT",
            severity=Severity.ERROR,
        ),
    )


@functools.cache
def dockerfile() -> tuple[Pattern, ...]:
    """Return the rules for Dockerfiles."""
    return (
        Pattern(
            "dockerfile-command-in-single-quotes",
            _regex(
                r"\A\s*(?:CMD|ENTRYPOINT|SHELL|VOLUME)\s+(?P<at>\[\s*'(?P<first>[^'\"]*)'(?P<rest>(?:\s*,\s*'[^'"
                r"\"]*')*)\s*\])\s*\Z"
            ),
            "A list in single quotes is not JSON, so it is passed to a shell as it stands.",
            "https://docs.docker.com/reference/dockerfile/#exec-form",
            fix=lambda found: found["at"].replace("'", '"'),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-directory-lost",
            _regex(r"\A\s*RUN\s+(?P<at>cd\s+[^\s;&|]+)\s*\Z"),
            "The next instruction starts in the former directory again; use WORKDIR.",
            "https://github.com/hadolint/hadolint/wiki/DL3003",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-lost",
            _regex(r"\A\s*(?P<at>RUN\s+export\s+(?P<name>\w+)=(?P<value>(?:\"[^\"]*\"|[^\s;&|\"'$`()])+))\s*\Z"),
            "The variable is gone when this step ends; use ENV.",
            "https://docs.docker.com/reference/dockerfile/#env",
            fix=_template(r"ENV \g<name>=\g<value>"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-install-asks",
            _regex(rf"\A\s*RUN\b(?:.|\n)*?(?P<at>{_PACKAGES})\b(?P<options>[^;&|]*)"),
            "The installation asks for confirmation, which nobody can give during a build.",
            "https://github.com/hadolint/hadolint/wiki/DL3014",
            unless=_regex(
                rf"{_PACKAGES}[^;&|]*\s(?:-[a-z]*y[a-z]*|--yes|--assume-yes|-qq\S*)\b|\s-[a-z]*y[a-z]*\s+(?:-"
                rf"\S+\s+)*install|-qq|\byes\s*\||assume-yes"
            ),
            fix=_template(r"\g<at> -y"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-stale-package-list",
            _regex(r"\A\s*RUN\s+(?P<at>apt(?:-get)?\s+(?:-\S+\s+)*update(?:\s+-\S+)*)\s*\Z"),
            "The package list is cached in a layer of its own and gets old; update and install in one RUN.",
            "https://docs.docker.com/build/building/best-practices/#apt-get",
        ),
        Pattern(
            "dockerfile-port-out-of-range",
            _regex(
                r"\A\s*EXPOSE\s+(?:\S+\s+)*?(?P<at>(?:6553[6-9]|655[4-9]\d|65[6-9]\d\d|6[6-9]\d{3}|[7-9]\d{4}|"
                r"\d{6,}))(?:/\w+)?\s*(?:\s|\Z)"
            ),
            "Ports end at 65535.",
            "https://github.com/hadolint/hadolint/wiki/DL3011",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-in-list",
            _regex(
                r"\A\s*(?:CMD|ENTRYPOINT)\s+\[(?!\s*\"(?:/bin/)?(?:ba|da|z|a)?sh\")(?:[^\]]*,)?\s*(?P<at>\"\$(?:"
                r"\{\w+\}|\w+)\")[^\]]*\]\s*\Z"
            ),
            "No shell runs the list, so the variable is not replaced.",
            "https://docs.docker.com/reference/dockerfile/#variable-substitution",
            unless=_regex(r"\b(?:ba|da|z|a)?sh\"|tini|dumb-init|\benv\b|entrypoint"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-of-same-instruction",
            _regex(r"\A\s*ENV\s+(?:[^\n]*\s)?(?P<name>[A-Za-z_]\w*)=\S+[^\n]*?\s\w+=\S*?(?P<at>\$\{?(?P=name)\b\}?)"),
            "The variable still has its former value here; set it in an instruction of its own before.",
            "https://github.com/hadolint/hadolint/wiki/DL3044",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-secret-in-image",
            _regex(rf"\A\s*(?:ARG|ENV)\s+(?P<at>{_SECRET_NAME})(?:\s*=|\s+\S|\s*\Z)"),
            "The value stays readable in the image's history; mount the secret with RUN --mount=type=secret.",
            "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
            unless=_regex(r"_FILE\s*=|=\s*(?:/\S+|\"\"|'')?\s*\Z"),
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-secret-file-copied",
            _regex(
                r"\A\s*(?:COPY|ADD)\s+(?:--(?!from)\S+\s+)*(?:\S+\s+)*?(?P<at>\S*(?:\bid_(?:rsa|ed25519|ecdsa)|"
                r"\.env|\.npmrc|\.netrc|"
                r"\.pypirc|\.aws/credentials|key\.pem|\.git-credentials))\s+\S"
            ),
            "The copied secret stays in the image's layers, even if a later step removes it.",
            "https://docs.docker.com/build/building/secrets/",
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-secret-in-command",
            _regex(rf"\A\s*RUN\s+(?!.*--mount=type=secret)[^\n]*?(?P<at>\$\{{?{_SECRET_NAME}\b\}}?)"),
            "The secret stays in the image's history; mount it with RUN --mount=type=secret.",
            "https://docs.docker.com/build/building/secrets/",
            unless=_regex(r"--mount=type=secret"),
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-path-replaced",
            _regex(r"\A\s*ENV\s+(?P<at>PATH(?:=|\s+)\"?(?!\S*\$)\S+)"),
            "The former PATH is lost, so programs of the image are not found any more; append :$PATH.",
            "https://docs.docker.com/reference/dockerfile/#env",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-writable-by-all",
            _regex(
                r"\A\s*(?:RUN\b(?:.|\n)*?|(?:COPY|ADD)\s+(?:--\S+\s+)*)(?P<at>chmod\s+(?:-\w+\s+)*(?:0?777|a\+rw"
                r"x|ugo\+rwx)\b|--chmod=0?777\b)"
            ),
            "Every user in the container can change these files; give only the rights that are needed.",
            "https://cwe.mitre.org/data/definitions/732.html",
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-operator-in-list",
            _regex(r"\A\s*(?:CMD|ENTRYPOINT)\s+\[[^\]]*,\s*(?P<at>\"(?:&&|\|\|?|;|>>?|<|2>&1|&)\")"),
            "No shell runs the list, so the operator is passed to the program as an argument.",
            "https://docs.docker.com/reference/dockerfile/#shell-and-exec-form",
            unless=_regex(r"\b(?:ba|da|z|a)?sh\""),
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-start-lost",
            _regex(
                r"\A\s*RUN\s+(?P<at>(?:sudo\s+)?(?:service\s+\S+\s+(?:re)?start|systemctl\s+(?:re)?start\s+\S+|("
                r"?:\.|source)\s+\S+|/etc/init\.d/\S+\s+start)\s*)\Z"
            ),
            "What is started or set here ends with this step; do it where the container starts.",
            "https://docs.docker.com/reference/dockerfile/#run",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-tls-not-verified",
            _regex(
                r"\A\s*(?:RUN|ENV|ARG)\b(?:.|\n)*?(?P<at>\bcurl\s(?:[^|;&\n]*\s)?(?:-k|--insecure|-[a-zA-Z]*k[a-"
                r"zA-Z]*)\s|--no-check-certificate|strict-ssl\s+false|"
                r"--trusted-host|http\.sslVerify[\s=]+false|GIT_SSL_NO_VERIFY=\S+|NODE_TLS_REJECT_UNAUTHORIZED[="
                r" ]\"?0|--allow-unauthenticated|PYTHONHTTPSVERIFY[= ]0)"
            ),
            "Certificates are not checked, so anyone on the network can replace what is downloaded.",
            "https://cwe.mitre.org/data/definitions/295.html",
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-stopped-by-kill",
            _regex(r"\A\s*STOPSIGNAL\s+(?P<at>SIGKILL|KILL|9)\s*\Z"),
            "No program can catch this signal, so the container never shuts down in order.",
            "https://docs.docker.com/reference/dockerfile/#stopsignal",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-entrypoint-in-shell",
            _regex(r"\A\s*ENTRYPOINT\s+(?P<at>(?!\[|exec\b)[^\s#]\S*)"),
            "A shell runs this form: it drops CMD and the arguments of `docker run`, and keeps signals from the "
            "program.",
            "https://docs.docker.com/reference/dockerfile/#shell-form-entrypoint-example",
            unless=_regex(r"\bexec\s"),
        ),
        Pattern(
            "dockerfile-download-not-checked",
            _regex(r"\A\s*ADD\s+(?:--(?!checksum)\S+\s+)*(?P<at>https?://\S+)"),
            "Whatever the server sends is taken; give --checksum, or check the file after the download.",
            "https://docs.docker.com/reference/dockerfile/#add---checksum",
            unless=_regex(r"--checksum|\.git\b"),
            category=Category.SECURITY,
        ),
        Pattern(
            "dockerfile-outside-of-context",
            _regex(r"\A\s*(?:COPY|ADD)\s+(?!--from)(?:--\S+\s+)*(?:\S+\s+)*?(?P<at>\.\./\S*)\s+\S+\s*\Z"),
            "The build sees only its context, so a path above it is not found.",
            "https://docs.docker.com/build/concepts/context/",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-removed-too-late",
            _regex(
                r"\A\s*RUN\s+(?P<at>rm\s+-\S+\s+(?:/var/lib/apt/lists|/var/cache|/tmp|/root/\.(?:npm|cache|ssh|n"
                r"pmrc)|~/\.)\S*\s*)\Z"
            ),
            "The files stay in the earlier layer; remove them in the step that makes them.",
            "https://docs.docker.com/build/building/best-practices/#run",
        ),
        Pattern(
            "dockerfile-health-of-any-answer",
            _regex(
                r"\A\s*HEALTHCHECK\b(?:.|\n)*?\bCMD\s+(?P<at>(?:\[\s*\")?curl\b(?!(?:.|\n)*?(?:\s|\"|')(?:--fail"
                r"\b|-[a-zA-Z]*f)))"
            ),
            "Without -f, curl also succeeds when the answer is an error such as 500.",
            "https://docs.docker.com/reference/dockerfile/#healthcheck",
            unless=_regex(r"http_code|\bgrep\b"),
            severity=Severity.ERROR,
        ),
    )
