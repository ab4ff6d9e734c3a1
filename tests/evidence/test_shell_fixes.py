"""The mechanical fixes for reports of shellcheck, with shellcheck itself."""

from __future__ import annotations

import pytest

from reviewer.evidence import Options, Side, recheck
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind

SIDE = Side(dict.fromkeys)


def _fixed(line: str, rule: str) -> tuple[str | None, str]:
    """The line after the proven fix of a rule, and what was proven."""
    text = f"#!/bin/bash\nset -u\n{line}\n"
    found = recheck("run.sh", text, (Source(SourceKind.TOOL, "shellcheck"),)) or ()
    one = next(finding for finding in found if finding.sources[0].rule == rule)
    fix = with_own_fix(one, text, "shell", Options(), SIDE).suggestion
    return (None, "") if fix is None else (fix.replacement, fix.proof)


@pytest.mark.parametrize(
    ("rule", "line", "fixed"),
    [
        ("SC2045", "for f in $(ls *.txt); do cat $f; done", "for f in *.txt; do cat $f; done"),
        ("SC2048", "run $*", 'run "$@"'),
        ("SC2060", "tr [a-z] x", "tr '[a-z]' x"),
        ("SC2061", "find . -name *.log", "find . -name '*.log'"),
        ("SC2064", 'trap "rm -f $HOME/x" EXIT', "trap 'rm -f $HOME/x' EXIT"),
        ("SC2066", 'for i in "$(seq 3)"; do run; done', "for i in $(seq 3); do run; done"),
        ("SC2068", "run $@", 'run "$@"'),
        ("SC2070", "if [ -n $1 ]; then run; fi", 'if [ -n "$1" ]; then run; fi'),
        ("SC2071", '[ "$1" > 3 ]', '[ "$1" -gt 3 ]'),
        ("SC2115", 'rm -rf "$1/"*', 'rm -rf "${1:?}/"*'),
        ("SC2124", "args=$@; run $args", "args=$*; run $args"),
        ("SC2145", 'echo "$HOME$@"', 'echo "$HOME$*"'),
        ("SC2166", '[ "$1" = 1 -a "$2" = 2 ]', '[ "$1" = 1 ] && [ "$2" = 2 ]'),
        ("SC2184", "unset a[0]", "unset 'a[0]'"),
        ("SC2242", "exit -1", "exit 255"),
    ],
)
def test_a_mechanical_fix_is_proven(rule: str, line: str, fixed: str) -> None:
    assert _fixed(line, rule) == (fixed, f"shellcheck no longer reports {rule}; parses; only these lines change")


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        pytest.param("SC2064", "trap \"echo 'bye' $HOME\" EXIT", id="single quotes inside"),
        pytest.param("SC2166", '[ "$1" = 1 -o "$2" = 2 -a "$3" = 3 ]', id="precedence"),
        pytest.param("SC2045", "for f in $(ls -t); do cat $f; done", id="the order of ls"),
    ],
)
def test_what_is_not_mechanical_has_no_fix(rule: str, line: str) -> None:
    assert _fixed(line, rule) == (None, "")
