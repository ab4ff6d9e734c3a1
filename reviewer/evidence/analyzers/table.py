"""The analyzers that are known by name: those that come with the package and run by default, and common others.

The rules chosen for ruff and shellcheck report defects, not style: what is left out is mostly right but often unwanted
(a missing ``strict=``, an assert, an import of ``subprocess``, an unquoted variable).
"""

from __future__ import annotations

import sys
from pathlib import Path

from reviewer.evidence.analyzers.spec import FILES, Format, Spec
from reviewer.finding import Category

_RUFF_RULES = (
    # Names, formats, comparisons and control flow that fail or do nothing.
    *("F402", "F404", "F50", "F52", "F601", "F602", "F62", "F63", "F70", "F811", "F82", "F901"),
    "PLE",
    *("PLW0127", "PLW0128", "PLW0129", "PLW0131", "PLW0133", "PLW0177", "PLW0211", "PLW0245", "PLW0406", "PLW0711"),
    *("PLW1501", "PLW1507", "PLW1508", "PLW1509", "PLW2101"),
    *("B002", "B003", "B005", "B006", "B012", "B015", "B016", "B017", "B018", "B019", "B020", "B021", "B022", "B023"),
    *("B025", "B026", "B029", "B030", "B031", "B032", "B033", "B034", "B035", "B039", "B909"),
    *("RUF006", "RUF008", "RUF009", "RUF016", "RUF018", "RUF024", "RUF026", "RUF030", "RUF033", "RUF034", "RUF040"),
    *("RUF032", "RUF048", "RUF049", "RUF060", "RUF064", "RUF066", "RUF071", "RUF073", "RUF074"),
    *("PLE1141", "PLE4703", "PLR0206", "PLR1708"),
    *("PIE794", "PIE796", "LOG007", "LOG014", "G101", "T100", "SIM220", "SIM221", "SIM222", "SIM223", "W605"),
    # Misuse of a library: gettext, sys.version, mocks, FastAPI, Django.
    *("INT001", "INT002", "INT003", "YTT", "PGH005", "PT010", "FAST003", "DJ013"),
    # Errors that vanish.
    *("E722", "S110", "S112", "BLE001"),
    # Blocking calls in coroutines; naive times that are taken for UTC or local time by mistake.
    *("ASYNC100", "ASYNC105", "ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222"),
    *("ASYNC230", "ASYNC250", "ASYNC251"),
    *("DTZ002", "DTZ003", "DTZ004", "DTZ005", "DTZ006"),
    # Files that nothing closes.
    "SIM115",
    # Security, as far as the code alone shows it.
    *("S102", "S113", "S201", "S202", "S304", "S305", "S306", "S307", "S323", "S501", "S502", "S503", "S504", "S505"),
    *("S506", "S507", "S508", "S509", "S602", "S604", "S605", "S608", "S609", "S610", "S611", "S612"),
    *("S701", "S702", "S704"),
)
_TESTS = ("test_*.py", "*_test.py", "conftest.py", "tests/**", "test/**")
# Tests run fixed commands, ignore errors on purpose and compare for the sake of raising.
_NOT_IN_TESTS = ("S", "DTZ", "B015", "B017", "B018", "BLE001")

_SECONDS = 10.0  # for the bundled ones, which take a fraction of one on most changes

RUFF = Spec(
    name="ruff",
    command=(
        *("ruff", "check", "--isolated", "--no-cache", "--quiet", "--exit-zero", "--output-format=json"),
        # The newest syntax: a version that the project may use is no error.
        "--target-version=py314",
        *("--preview", "--config=lint.explicit-preview-rules=true"),
        f"--select={','.join(_RUFF_RULES)}",
        f"--per-file-ignores={','.join(f'{glob}:{rule}' for glob in _TESTS for rule in _NOT_IN_TESTS)}",
        *("--", FILES),
    ),
    format=Format.RUFF,
    languages=frozenset({"python"}),
    runs_code=False,
    categories=(
        ("SIM", Category.RESOURCE),
        ("S110", Category.BUG),
        ("S112", Category.BUG),
        ("S", Category.SECURITY),
        ("ASYNC", Category.CONCURRENCY),
        ("PLW1509", Category.CONCURRENCY),
        ("PLW2101", Category.CONCURRENCY),
        ("RUF006", Category.CONCURRENCY),
        ("B019", Category.RESOURCE),
        ("T100", Category.UNFINISHED),
    ),
    timeout=_SECONDS,
    bundled=True,
)

SHELLCHECK = Spec(
    name="shellcheck",
    # The extended analysis takes minutes for a script of some thousand lines.
    command=(
        *("shellcheck", "--norc", "--format=json1", "--severity=warning", "--extended-analysis=false"),
        *("--", FILES),
    ),
    format=Format.SHELLCHECK,
    languages=frozenset({"shell"}),
    # Dialects that it does not know.
    ignores=("*.zsh", ".zshrc", ".zshenv", ".zprofile"),
    runs_code=False,
    url="https://www.shellcheck.net/wiki/{rule}",
    omitted=frozenset(
        {
            "SC1071",  # a dialect that it does not know
            "SC1090",  # a sourced file that only the running script knows
            "SC2034",  # an unused variable: another script may use it
            "SC2148",  # no #! line: the file is sourced
            "SC2154",  # an unassigned variable: another script may assign it
            "SC2155",  # declared and assigned at once
        }
    ),
    timeout=_SECONDS,
    bundled=True,
)

# A process of its own: the detector is a library in Go, whose failure would end the process that loaded it.
SECRETS = Spec(
    name="betterleaks",
    command=(sys.executable, "-P", str(Path(__file__).with_name("secrets_worker.py")), FILES),
    format=Format.RDJSONL,
    runs_code=False,
    category=Category.SECURITY,
    timeout=_SECONDS,
    bundled=True,
    secrets=True,
)

DEFAULTS = (RUFF, SHELLCHECK, SECRETS)
"""What runs where the configuration says nothing."""

KNOWN: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        *DEFAULTS,
        Spec(
            name="mypy",
            command=(
                *("mypy", "--no-error-summary", "--show-column-numbers", "--no-pretty", "--no-color-output"),
                *("--cache-dir=.mypy_cache", "--", FILES),
            ),
            format=Format.LINES,
            languages=frozenset({"python"}),
            tree=True,
            url="https://mypy.readthedocs.io/en/stable/_refs.html#code-{rule}",
        ),
        Spec(
            name="eslint",
            command=("eslint", "--format=json", "--no-warn-ignored", "--", FILES),
            format=Format.ESLINT,
            languages=frozenset({"javascript", "typescript", "tsx"}),
            tree=True,
            url="https://eslint.org/docs/latest/rules/{rule}",
        ),
        Spec(
            name="golangci-lint",
            command=(
                "golangci-lint",
                "run",
                "--output.sarif.path=stdout",
                "--show-stats=false",
                "--issues-exit-code=0",
            ),
            format=Format.SARIF,
            languages=frozenset({"go"}),
            tree=True,
        ),
        Spec(
            name="clippy",
            command=("cargo", "clippy", "--quiet", "--offline", "--message-format=short"),
            format=Format.LINES,
            languages=frozenset({"rust"}),
            tree=True,
        ),
        Spec(
            name="hadolint",
            command=("hadolint", "--no-fail", "--format=sarif", "--", FILES),
            format=Format.SARIF,
            languages=frozenset({"dockerfile"}),
            runs_code=False,
            url="https://github.com/hadolint/hadolint/wiki/{rule}",
        ),
        Spec(
            name="semgrep",
            command=("semgrep", "scan", "--sarif", "--quiet", "--metrics=off", "--disable-version-check", "--", FILES),
            format=Format.SARIF,
            runs_code=False,
        ),
    )
}
