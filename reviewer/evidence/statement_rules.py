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
        found: Matches the fault, in the text of one statement; the finding names the line of its group ``at``, or of
            its start.
        unless: Makes a statement right that ``found`` matches.
        fix: Makes what stands for the text of the group ``at``; None where there is no mechanical fix.
        ignores: Paths that the rule does not apply to.
    """

    id: str
    found: re.Pattern[str]
    message: str
    url: str
    unless: re.Pattern[str] | None = None
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
            _regex(r"\bNOT\s+IN\s*\(\s*SELECT\s+(?:DISTINCT\s+)?(?!(?:\w+\.)?id\b)[\w.]+\s+FROM\b"),
            "NOT IN finds nothing as soon as the subquery returns a NULL; use NOT EXISTS.",
            "https://wiki.postgresql.org/wiki/Don't_Do_This#Don't_use_NOT_IN",
            unless=_regex(r"IS\s+NOT\s+NULL|COALESCE"),
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
                r"\bCASE\s+(?!WHEN\b)[\w.\"`]+\s+(?:WHEN\s+(?:'[^']*'|[\w.]+)\s+THEN\s+(?:'[^']*'|[\w.]+)\s+)*WHEN\s+(?P<at>NULL)\b"
            ),
            "CASE compares with =, so WHEN NULL never matches; use CASE WHEN … IS NULL.",
            "https://www.postgresql.org/docs/current/functions-conditional.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-always-different",
            _regex(
                r"(?P<at>(?P<column>\b[\w.\"`]+)\s*(?P<operator><>|!=)\s*(?P<value>'[^']*'|\d+)\s+OR\s+(?P=column)\s*(?:<>|!=)\s*"
                r"(?!(?P=value)(?!\w))(?P<other>'[^']*'|\d+))"
            ),
            "The column always differs from one of the two values, so the condition is always true; use AND.",
            "https://cwe.mitre.org/data/definitions/571.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-never-both",
            _regex(
                r"(?<!BETWEEN\s)(?<![\w.])(?P<column>[a-z_][\w.\"`]*)\s*=\s*(?P<value>'[^']*'|\d+)\s+AND\s+(?P<at>(?P=column)\s*=\s*"
                r"(?!(?P=value)(?!\w))(?:'[^']*'|\d+))(?!\s*(?:OR|\+|-|\*|/|%|::))"
            ),
            "The column cannot equal both values, so the condition is never true; use OR or IN.",
            "https://cwe.mitre.org/data/definitions/570.html",
            severity=Severity.ERROR,
        ),
        Pattern(
            "sql-required-column-without-default",
            _regex(
                r"\A\s*ALTER\s+TABLE\s+[^;]*?\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<at>[\w\"`]+\s+\w+[^,;]*?\bNOT\s+NULL)\b"
            ),
            "The table may have rows, and they get no value for a new column that is NOT NULL and has no DEFAULT.",
            "https://www.postgresql.org/docs/current/sql-altertable.html",
            unless=_regex(
                r"\bDEFAULT\b|\bGENERATED\b|\bSERIAL\b|\bBIGSERIAL\b|AUTO_INCREMENT|IDENTITY|\bADD\s+(?:CONSTRAINT|CHECK|PRIMARY)"
            ),
            category=Category.COMPATIBILITY,
        ),
        Pattern(
            "sql-join-without-condition",
            _regex(
                r"\b(?P<at>(?:INNER|LEFT|RIGHT|FULL)\s+(?:OUTER\s+)?JOIN\s+[\w.\"`]+(?:\s+(?:AS\s+)?(?!WHERE|GROUP|ORDER|LIMIT|ON|USING)\w+)?)\s*(?=WHERE\b|GROUP\s+BY\b|ORDER\s+BY\b|LIMIT\b|\Z)"
            ),
            "The join has no ON or USING, so it fails or pairs every row with every other.",
            "https://www.postgresql.org/docs/current/queries-table-expressions.html",
            unless=_regex(r"\bNATURAL\b"),
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
                r"\A\s*(?:CMD|ENTRYPOINT|SHELL|VOLUME)\s+(?P<at>\[\s*'(?P<first>[^'\"]*)'(?P<rest>(?:\s*,\s*'[^'\"]*')*)\s*\])\s*\Z"
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
                rf"{_PACKAGES}[^;&|]*\s(?:-[a-z]*y[a-z]*|--yes|--assume-yes|-qq\S*)\b|\s-[a-z]*y[a-z]*\s+(?:-\S+\s+)*install|-qq|\byes\s*\||assume-yes"
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
                r"\A\s*EXPOSE\s+(?:\S+\s+)*?(?P<at>(?:6553[6-9]|655[4-9]\d|65[6-9]\d\d|6[6-9]\d{3}|[7-9]\d{4}|\d{6,}))(?:/\w+)?\s*(?:\s|\Z)"
            ),
            "Ports end at 65535.",
            "https://github.com/hadolint/hadolint/wiki/DL3011",
            severity=Severity.ERROR,
        ),
        Pattern(
            "dockerfile-variable-in-list",
            _regex(
                r"\A\s*(?:CMD|ENTRYPOINT)\s+\[(?!\s*\"(?:/bin/)?(?:ba|da|z|a)?sh\")(?:[^\]]*,)?\s*(?P<at>\"\$(?:\{\w+\}|\w+)\")[^\]]*\]\s*\Z"
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
                r"\A\s*(?:COPY|ADD)\s+(?:--(?!from)\S+\s+)*(?:\S+\s+)*?(?P<at>\S*(?:\bid_(?:rsa|ed25519|ecdsa)|\.env|\.npmrc|\.netrc|"
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
    )
