"""Rules for dates in SQL: the last day of a span, months, patterns."""

from __future__ import annotations

import functools

from reviewer.evidence.statements.pattern import Pattern, regex
from reviewer.finding import Severity

_TIME = r"(?:\w+\.)?(?:\w+_at|\w*time(?:stamp)?|\w*_ts|ts|created|updated|modified)"
_DAY = (
    r"[:@$]?\w*(?:end_?da(?:te|y)|last_?da(?:te|y)|date_?(?:to|end|until)|(?:to|until|month|period)_?(?:date|end"
    r")|day_?end)\b"
    r"(?:\s*::\s*date)?|CURRENT_DATE|CURDATE\s*\(\s*\)|LAST_DAY\s*\([^()]*\)|(?:CAST\s*\(\s*)?GETDATE"
    r"\s*\(\s*\)\s+AS\s+DATE\s*\)"
    r"|[:@$]\w+\s*::\s*date\b|\([^;]{0,90}?interval\s*'1\s+month'\s*-\s*interval\s*'1\s+day'"
)


@functools.cache  # compiled when the first file needs them
def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return (
        Pattern(
            "sql-last-day-cut",
            regex(
                rf"\b{_TIME}(?:\s+BETWEEN\s+[^;]{{1,60}}?\s+AND\s+|\s*<=\s*)(?P<at>(?:DATE\s*|TIMESTAMP\s*)?"
                r"'\d{4}-\d\d-(?:2[89]|3[01])')(?!\s*(?:\+|::\s*date))"
            ),
            "The date means the beginning of the last day, so the rest of that day is left out; use < the next day.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_BETWEEN_(especially_with_timestamps)",
        ),
        Pattern(
            "sql-last-day-cut-by-variable",
            regex(
                rf"\b{_TIME}(?:\s+BETWEEN\s+[^;]{{1,60}}?\s+AND\s+|\s*<=\s*)(?P<at>(?:\w+\.)?(?:{_DAY}))(?!\s*(?"
                rf":\+|\())"
            ),
            "A date means the beginning of the day, so the rest of the last day is left out; use < the next day.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_BETWEEN_(especially_with_timestamps)",
        ),
        Pattern(
            "sql-months-of-all-years",
            regex(
                r"\bGROUP\s+BY\b[^;]*?(?P<at>EXTRACT\s*\(\s*(?:MONTH|WEEK)\b|DATE_PART\s*\(\s*'(?:month|week)'|"
                r"\b(?:MONTH|WEEK)\s*\(|STRFTI"
                r"ME\s*\(\s*'%m')"
            ),
            "The same month or week of every year falls into one group; group by the year as well.",
            "https://www.postgresql.org/docs/current/functions-datetime.html",
            unless=regex(r"\bYEAR\b|'%Y|YYYY|\bWHERE\b[^;]*(?:_at|date|time|_on|day)\b"),
        ),
        Pattern(
            "sql-date-pattern-confused",
            regex(
                r"\bTO_CHAR\s*\([^'\n]{1,80},\s*(?P<at>'[^'\n]*(?:HH(?:12|24)?:MM|YYYY-MI\b|IYYY-MM|YYYY-[\"W]*I"
                r"W|IYYY-[\"W]*WW|(?<!H)HH(?:12)?:MI(?![^'\n]*[AP]\.?M))[^'\n]*')"
                r"|\b(?:DATE_FORMAT|STRFTIME)\s*\([^;\n]{0,80}?(?P<at2>'[^'\n]*(?:%H:%m|%Y-%M-|%Y-%i|%h:%i(?!"
                r"\S*\s*%p))[^'\n]*')"
            ),
            "The pattern mixes up the month with the minute, the kinds of year, or hours to 12 with hours to 24.",
            "https://www.postgresql.org/docs/current/functions-formatting.html",
            severity=Severity.ERROR,
        ),
    )
