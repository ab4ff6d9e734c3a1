"""The reviews that every format is shown with; each stands for one thing that can go wrong in a report."""

from __future__ import annotations

import dataclasses

from reviewer.diff import LineKind, SourceLine
from reviewer.errors import ExitCode
from reviewer.finding import (
    Category,
    ChangeSummary,
    CommitMessage,
    Explanation,
    Finding,
    Mark,
    Review,
    Risk,
    RiskLevel,
    Severity,
    Silence,
    SilencedBy,
    Skipped,
    Source,
    SourceKind,
    Suggestion,
    SuggestionKind,
    UnitReview,
    UnitStatus,
    Usage,
)
from reviewer.report import RenderOptions

MODEL = "qwen2.5-coder-7b"


def diff(text: str, start: int = 1) -> tuple[SourceLine, ...]:
    """Source lines from diff text without its heading; both sides begin at ``start``."""
    old = new = start
    lines = []
    for line in text.split("\n"):
        kind = LineKind(line[:1] or " ")
        lines.append(
            SourceLine(
                kind,
                line[1:],
                old if kind is not LineKind.ADDED else None,
                new if kind is not LineKind.REMOVED else None,
            )
        )
        old += kind is not LineKind.ADDED
        new += kind is not LineKind.REMOVED
    return tuple(lines)


def unit(
    path: str,
    lines: tuple[SourceLine, ...],
    explanation: str | Explanation = "",
    *findings: Finding,
    scope: str = "",
    **more: object,
) -> UnitReview:
    numbers = [line.new for line in lines if line.new is not None]
    made = UnitReview(
        path=path,
        start=min(numbers, default=1),
        end=max(numbers, default=1),
        scope=scope,
        language="python",
        lines=lines,
        status=UnitStatus.READ,
        explanation=Explanation(explanation) if isinstance(explanation, str) and explanation else explanation or None,
        findings=findings,
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


STATS = diff(
    """\
     total = 0
     for v in values:
         total += v
-    return total / len(values) if values else 0
+    return total / len(values)


 def median(values):""",
    9,
)
EMPTY = Finding(
    path="stats.py",
    line=12,
    severity=Severity.ERROR,
    category=Category.BUG,
    message="ZeroDivisionError when values is empty",
    line_text="    return total / len(values)",
    scope="average",
    suggestion=Suggestion(12, 12, "    return total / len(values) if values else 0", "    return total / len(values)"),
)
PARSE = diff(
    """\
 import json


+def parse(text: str, *, strict: bool = False) -> dict[str, object]:
+    # TODO: read the header first
+    pass
+
+
+def fetch(url):
+    return requests.get(url, verify=False).json()""",
    1,
)
UNFINISHED = Finding(
    path="lib/parse.py",
    line=6,
    severity=Severity.INFO,
    category=Category.UNFINISHED,
    message="parse() has no body yet",
    line_text="    pass",
    scope="parse",
    suggestion=Suggestion(
        5,
        6,
        '    header, _, body = text.partition("\\n")\n    if strict and not header:\n'
        '        raise ValueError("no header")\n'
        "    return json.loads(body)",
        "    # TODO: read the header first\n    pass",
        SuggestionKind.COMPLETION,
    ),
)
INSECURE = Finding(
    path="lib/parse.py",
    line=10,
    severity=Severity.WARNING,
    category=Category.SECURITY,
    message=(
        "verify=False turns certificate checks off, so anyone between the two machines can read and change what is "
        "fetched; `requests` verifies by default, leave the argument out or pass the path of your own authority."
    ),
    line_text="    return requests.get(url, verify=False).json()",
)

CLEAN = Review(
    "staged changes",
    (
        unit("a.py", diff(" x = 1\n+y = 2"), "Adds a second constant.", cached=True),
        unit("a.py", diff("-z = 3\n+z = 4", 40), "Changes z.", cached=True),
    ),
    usage=Usage(requests=0, cached=2, seconds=0.21, model=MODEL),
)

FINDINGS = Review(
    "staged changes",
    (
        unit(
            "lib/parse.py",
            PARSE,
            "Adds a parser that is not finished and a function that fetches JSON.",
            UNFINISHED,
            INSECURE,
        ),
        unit(
            "stats.py",
            STATS,
            "Drops the guard for an empty list, so the division now fails when values is empty.",
            EMPTY,
            scope="average()",
            cached=True,
        ),
        unit("stats.py", diff("+import math"), "Imports math.", cached=True),
    ),
    usage=Usage(3, 2, 2345, 210, 1.84, MODEL, "local vLLM 0.32.0"),
)

SUMMARY = dataclasses.replace(
    FINDINGS,
    summary=ChangeSummary(
        "Computes the average without a test for an empty list, and begins a parser for downloads that checks no "
        "certificates; both are new ways to fail for callers that worked before.",
        Risk(RiskLevel.HIGH, "average() divides by zero for an empty list, which today's callers may pass."),
        "stats.py",
        12,
        CommitMessage(
            "Simplify average and begin a parser",
            "The average no longer tests for an empty list, since the callers are said to.\n\n"
            "- parse() has no body yet\n- fetch() reads JSON from a URL without checking its certificate, for now",
        ),
    ),
)

UNREAD = Review(
    "main...HEAD",
    (
        unit("stats.py", STATS, "Drops the guard for an empty list.", EMPTY),
        unit("big.py", diff("+x = 1\n+y = 2", 100), status=UnitStatus.NOT_READ, reason="the reply did not parse twice"),
        unit("slow.py", diff("+x = 1"), status=UnitStatus.NOT_READ, reason="no answer within 30 s"),
    ),
    (
        Skipped("logo.png", "binary"),
        Skipped("old.py", "deleted"),
        Skipped("huge.sql", "longer than 20,000 lines", 90_000, unread=True),
        *(Skipped(f"vendor/lib{number:02}.js", "excluded by configuration", 40) for number in range(14)),
    ),
    Usage(3, 0, 2345, 210, 31.4, MODEL),
)

MARKED = Review(
    "HEAD~1..HEAD",
    (
        unit(
            "stats.py",
            STATS,
            Explanation("SECRETLY MARKED", frozenset({Mark.ECHO})),
            dataclasses.replace(
                EMPTY,
                severity=Severity.WARNING,
                suggestion=dataclasses.replace(EMPTY.suggestion, marks=frozenset({Mark.DOES_NOT_PARSE})),
            ),
            dataclasses.replace(EMPTY, message="SECRETLY MARKED").marked(Mark.UNGROUNDED, Mark.DUPLICATE),
            dataclasses.replace(EMPTY, line=11, message="SECRETLY MARKED").marked(Mark.ECHO),
            dataclasses.replace(EMPTY, line=11, message="SECRETLY MARKED").silenced(
                Silence(SilencedBy.COMMENT, "token=ghp_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7")
            ),
            dataclasses.replace(EMPTY, line=10, message="SECRETLY MARKED").silenced(Silence(SilencedBy.BASELINE)),
            scope="average()",
        ),
    ),
    usage=Usage(1, 0, 700, 60, 0.9, MODEL),
    notes=("smollm2-135m-instruct is too small to review code; use it to test the installation",),
    summary=ChangeSummary(
        "SECRETLY MARKED",
        Risk(RiskLevel.LOW, "SECRETLY MARKED"),
        "stats.py",
        12,
        CommitMessage("SECRETLY MARKED", "Closes #1", frozenset({Mark.GIVES_ORDERS})),
        frozenset({Mark.UNGROUNDED}),
    ),
)

FOLDED = Review(
    "HEAD~1..HEAD",
    (
        unit(
            "stats.py",
            STATS,
            "",
            dataclasses.replace(EMPTY, quoted=True, also=(31, 48)),
            dataclasses.replace(EMPTY, message="SECRETLY MARKED", quoted=False).marked(Mark.MISQUOTED),
            dataclasses.replace(EMPTY, message="SECRETLY MARKED").marked(Mark.NIT),
            scope="average()",
        ),
    ),
    usage=Usage(3, 0, 900, 64, 1.1, MODEL),
)

DEFAULTS = diff(
    """\
 def collect(
     item,
-    into=None,
+    into=[],
 ):""",
    20,
)
PROVEN = Review(
    "staged changes",
    (
        unit(
            "stats.py",
            DEFAULTS,
            "",
            Finding(
                "stats.py",
                22,
                Severity.WARNING,
                Category.BUG,
                "Do not use mutable data structures for argument defaults",
                "    into=[],",
                "collect",
                Suggestion(
                    22,
                    22,
                    "    into=None,",
                    "    into=[],",
                    proof="ruff no longer reports B006; python-mutable-default no longer matches; parses; only these "
                    "lines change",
                ),
                sources=(
                    Source(
                        SourceKind.TOOL, "ruff", "B006", "https://docs.astral.sh/ruff/rules/mutable-argument-default/"
                    ),
                    Source(SourceKind.RULE, "built-in", "python-mutable-default"),
                ),
                context="Every call of collect() without a list shares one list, so that items of one report appear in "
                "the next.",
            ),
            Finding(
                "stats.py",
                21,
                Severity.INFO,
                Category.COMPATIBILITY,
                "item has no annotation",
                sources=(
                    Source(SourceKind.MODEL, "qwen2.5-coder-7b"),
                    Source(SourceKind.TOOL, "a-linter", "AN001", f"https://lint.example/{'long-rule-name-' * 6}"),
                ),
            ),
            scope="collect()",
        ),
    ),
    usage=Usage(1, 0, 700, 60, 0.9, MODEL),
)

# Assembled, so that no scanner takes this file for a leak.
_SECRET = "tr0ub4" + "dor!3"
_TOKEN = "ghs" + "_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7"
SECRETS = Review(
    "staged changes",
    (
        unit(
            "deploy.yml",
            diff(f"+password: {_SECRET}\n-token: {_TOKEN}\n+region: north", 3),
            f"Adds the password {_SECRET} and removes {_TOKEN}.",
            Finding(
                "deploy.yml",
                3,
                Severity.ERROR,
                Category.SECURITY,
                f"The password {_SECRET} is committed; ##vso[task.setvariable]{_TOKEN} was, too",
                f"password: {_SECRET}",
                _SECRET,
                Suggestion(3, 3, "password: ${PASSWORD}", f"password: {_SECRET}", proof=f"{_SECRET} is gone"),
                context=f"Whoever reads the file has {_SECRET}.",
                sources=(Source(SourceKind.TOOL, "betterleaks", "generic-password"),),
            ),
            Finding(
                "deploy.yml",
                4,
                Severity.WARNING,
                Category.SECURITY,
                "A detector found walnut-7, and a model repeats walnut-7.",
                "region: <secret>",
                secret="walnut-7",
            ),
            scope=f"in {_SECRET}",
        ),
        unit("b.py", diff("+x"), status=UnitStatus.NOT_READ, reason=f"the reply repeats {_SECRET}"),
    ),
    usage=Usage(1, 0, 700, 60, 0.9, MODEL),
    notes=(f"a note with {_TOKEN}",),
    summary=ChangeSummary(
        f"Adds {_SECRET}.",
        Risk(RiskLevel.HIGH, f"{_SECRET} is public."),
        "deploy.yml",
        3,
        CommitMessage("Deploy with a password", f"The password is {_SECRET}."),
    ),
)

_HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07 </details><script>alert(1)</script> [click](javascript:alert(1)) @octocat #1 "
    "https://evil.example/x?y=1,2 ![](http://evil.example/p.png) ``` **APPROVED** 100%\n::error file=x::pwned\n"
    "##[add-mask]x\r\n/approve [bold red]markup[/] \u202etxet\u2066 $x$ <!-- --> `code`"
)
HOSTILE = Review(
    "HEAD~1..HEAD \x1b[31m@octocat",
    (
        unit(
            "dir,with: odd/na\u202eme`s.py",
            diff(
                "+```\n+</details>\n+::error::pwned\n+\x1b[31mred ##[error]x\n+x = 1\u202e # [link](http://e.example)\n"
                "+\tif a:\r\n"
                "+token = 'ghp_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7'\n+"
                + "x" * 400
                + "\n+漢字 = '"
                + "漢" * 60
                + "'\n+caf\udce9"
            ),
            _HOSTILE,
            Finding(
                "dir,with: odd/na\u202eme`s.py",
                3,
                Severity.ERROR,
                Category.SECURITY,
                _HOSTILE,
                suggestion=Suggestion(
                    3, 3, "````\n::error::pwned\n\x1b[0m@octocat\npassword = 'c0rrect-horse!9'", "::error::pwned"
                ),
            ),
            scope="[bold]f\u202e`()",
        ),
        unit(
            "b.py", diff("+x"), status=UnitStatus.NOT_READ, reason="\x1b[2J<b>::error::pwned @octocat https://e.example"
        ),
    ),
    (Skipped("x\ny`.png", "binary"),),
    Usage(1, 0, 700, 60, 0.9, "m\x1b[31m"),
    notes=("# heading\n@octocat",),
    summary=ChangeSummary(
        _HOSTILE,
        Risk(RiskLevel.HIGH, _HOSTILE),
        "dir,with: odd/na\u202eme`s.py",
        3,
        CommitMessage(f"# {_HOSTILE}", f"```\n#{_HOSTILE}\n- token = 'ghp_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7'"),
    ),
)

_LONG = "\n".join(f"+line_{number} = {number}" for number in range(1, 201))
LONG = Review(
    "staged changes",
    (
        unit(
            "long.py",
            diff(_LONG, 1000),
            "Adds two hundred lines.",
            Finding("long.py", 1019, Severity.INFO, Category.BUG, "a remark"),
            Finding("long.py", 1150, Severity.ERROR, Category.BUG, "an error"),
            Finding("long.py", 2000, Severity.ERROR, Category.BUG, "beside what is shown"),
        ),
    ),
    usage=Usage(1, 0, 700, 60, 0.9, MODEL),
)

NON_ASCII = Review(
    "gestagede Änderungen",
    (
        unit(
            "größe.py",
            diff("+größe = 'Straße' + \"漢字\"\n+emoji = '👩\u200d💻'"),
            "Fügt eine Größe hinzu; 漢字 sind doppelt breit. " * 3,
            Finding("größe.py", 1, Severity.WARNING, Category.COMPATIBILITY, "漢字" * 40 + " ist breit"),
            scope="maß()",
        ),
    ),
    usage=Usage(1, 0, 700, 60, 0.9, MODEL),
)

NOTHING = Review("staged changes", (), (Skipped("logo.png", "binary"), Skipped("b.png", "binary")))

SAMPLES: dict[str, tuple[Review, RenderOptions]] = {
    "clean": (CLEAN, RenderOptions(show_explanations=False)),
    "clean-explained": (CLEAN, RenderOptions(fail_on=Severity.ERROR)),
    "findings": (FINDINGS, RenderOptions(advisory=True)),
    "summary": (SUMMARY, RenderOptions(advisory=True)),
    "clean-summary": (
        dataclasses.replace(
            CLEAN,
            summary=dataclasses.replace(
                SUMMARY.summary,
                text="Adds constants.",
                path="a.py",
                line=2,
                risk=Risk(RiskLevel.LOW, "Nobody reads them yet."),
                message=CommitMessage("Add constants"),
            ),
        ),
        RenderOptions(show_explanations=False),
    ),
    "failed": (FINDINGS, RenderOptions(fail_on=Severity.WARNING, show_explanations=False, width=60)),
    "unread": (UNREAD, RenderOptions(fail_on=Severity.ERROR, verdict=ExitCode.FINDINGS)),
    "incomplete": (
        dataclasses.replace(UNREAD, units=UNREAD.units[1:]),
        RenderOptions(verdict=ExitCode.INCOMPLETE, seconds=32.0),
    ),
    "marked": (MARKED, RenderOptions(fail_on=Severity.ERROR)),
    "folded": (FOLDED, RenderOptions(show_explanations=False)),
    "hostile": (HOSTILE, RenderOptions()),
    "proven": (PROVEN, RenderOptions(advisory=True)),
    "secrets": (SECRETS, RenderOptions(advisory=True)),
    "long": (LONG, RenderOptions()),
    "non-ascii": (NON_ASCII, RenderOptions()),
    "nothing": (NOTHING, RenderOptions(fail_on=Severity.ERROR)),
}
