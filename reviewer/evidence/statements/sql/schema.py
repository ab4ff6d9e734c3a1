"""Rules for tables, functions and rights in SQL."""

from __future__ import annotations

import functools

from reviewer.evidence.statements.pattern import Pattern, regex
from reviewer.evidence.statements.sql.words import MONEY
from reviewer.finding import Category, Severity


@functools.cache  # compiled when the first file needs them
def patterns() -> tuple[Pattern, ...]:
    """Return the rules."""
    return (
        Pattern(
            "sql-required-column-without-default",
            regex(
                r"\A\s*ALTER\s+TABLE\s+[^;]*?\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<at>[\w\"`]+"
                r"\s+\w+[^,;]*?\bNOT\s+NULL)\b"
            ),
            "The table may have rows, and they get no value for a new column that is NOT NULL and has no DEFAULT.",
            "https://www.postgresql.org/docs/current/sql-altertable.html",
            unless=regex(
                r"\bDEFAULT\b|\bGENERATED\b|\bSERIAL\b|\bBIGSERIAL\b|AUTO_INCREMENT|IDENTITY|\bADD\s+(?:CONSTRAI"
                r"NT|CHECK|PRIMARY)"
            ),
            category=Category.COMPATIBILITY,
        ),
        Pattern(
            "sql-money-as-float",
            regex(
                rf"\b(?:CREATE\s+TABLE|ADD(?:\s+COLUMN)?|ALTER\s+COLUMN)\b[^;]*?(?P<at>\b{MONEY}[\"`\]]?\s+(?:T"
                rf"YPE\s+)?(?:FLOAT|REAL|DOUBLE)\b)"
            ),
            "A binary fraction cannot hold most amounts of money exactly; use NUMERIC, or whole cents.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This",
        ),
        Pattern(
            "sql-definer-without-search-path",
            regex(r"\A\s*CREATE\b[^;]*?\bFUNCTION\b[\s\S]*?(?P<at>\bSECURITY\s+DEFINER\b)"),
            "The function runs with its owner's rights and the caller's search_path, so a caller can replace wha"
            "t it calls.",
            "https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY",
            unless=regex(r"\bsearch_path\b"),
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-command-of-values",
            regex(
                r"\bEXECUTE\s+(?P<at>'(?:[^']|'')*'\s*\|\|\s*(?!quote_|format\b|\()\w+)"
                r"|\bEXECUTE\s+(?P<at2>format\s*\(\s*'(?:[^']|'')*(?:=|LIKE|IN\s*\()\s*(?:'')?%{0,2}%s)"
                r"|\b(?:EXEC(?:UTE)?\s*\(\s*|SET\s+@\w+\s*=\s*)(?P<at3>N?'(?:[^']|'')*\b(?:SELECT|UPDATE|DELETE"
                r"|INSERT|WHERE)\b(?:[^']|'')*'\s*\+\s*@\w+)"
                r"|\b\w+\s*:=\s*(?P<at4>'\s*(?:SELECT|UPDATE|DELETE|INSERT)\b(?:[^']|'')*'\s*\|\|\s*(?!quote_|f"
                r"ormat\b|\()\w+)"
            ),
            "The value becomes part of the command, so it can change the command; pass it with USING, or quote it.",
            "https://www.postgresql.org/docs/current/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN",
            unless=regex(r"\bQUOTENAME\b"),
            severity=Severity.ERROR,
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-trigger-returns-nothing",
            regex(r"\A\s*CREATE\b[^;]{0,200}?(?P<at>\bRETURNS\s+TRIGGER\b)(?=[\s\S]*\bBEGIN\b)"),
            "A trigger function that ends without RETURN fails at run time.",
            "https://www.postgresql.org/docs/current/plpgsql-trigger.html",
            unless=regex(r"\bRETURN\s+\w|\bRAISE\s+EXCEPTION\b"),
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-all-rights-for-everyone",
            regex(r"\A\s*(?P<at>GRANT\s+ALL\b[^;]*?\bTO\s+(?:PUBLIC\b|['\"]?\w+['\"]?@['\"]%['\"]))"),
            "Anyone who reaches the database gets all rights; grant what is needed to the role that needs it.",
            "https://cwe.mitre.org/data/definitions/732.html",
            category=Category.SECURITY,
        ),
        Pattern(
            "sql-policy-for-everyone",
            regex(
                r"\A\s*CREATE\s+POLICY\b(?=[^;]*\bFOR\s+(?:ALL|UPDATE|DELETE|INSERT)\b)[^;]*?(?P<at>\b(?:USING|W"
                r"ITH\s+CHECK)\s*\(\s*true\s*\))"
            ),
            "The policy lets everyone change every row.",
            "https://www.postgresql.org/docs/current/sql-createpolicy.html",
            unless=regex(r"\bTO\s+(?:service_role|postgres|\w*admin\w*)\b"),
            category=Category.SECURITY,
        ),
    )
