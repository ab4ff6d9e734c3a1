"""The mechanical fixes for reports of shellcheck, with shellcheck itself."""

from __future__ import annotations

import pytest

from reviewer.checking import suggestion as suggestions
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
        ("SC1035", 'if ["$1" = x ]; then run; fi', 'if [ "$1" = x ]; then run; fi'),
        ("SC2024", 'sudo echo "a=1" >> /etc/x', 'echo "a=1" | sudo tee -a /etc/x > /dev/null'),
        ("SC2038", "find . -name '*.o' | xargs rm", "find . -name '*.o' -print0 | xargs -0 rm"),
        ("SC2046", "cp a b/$(date +%F)", 'cp a b/"$(date +%F)"'),
        ("SC2051", "for i in {1..$1}; do run; done", 'for i in $(seq 1 "$1"); do run; done'),
        ("SC2069", "make 2>&1 > log", "make > log 2>&1"),
        ("SC2076", '[[ $1 =~ "^[0-9]+$" ]]', "[[ $1 =~ ^[0-9]+$ ]]"),
        ("SC2088", 'cp "~/x" y', 'cp "$HOME/x" y'),
        ("SC2091", "if $(which x); then run; fi", "if which x; then run; fi"),
        ("SC2107", '[ "$1" = 1 && "$2" = 2 ]', '[ "$1" = 1 ] && [ "$2" = 2 ]'),
        ("SC2147", 'PATH="$PATH:~/bin"', 'PATH="$PATH:$HOME/bin"'),
        ("SC2170", '[ "$1" -eq "start" ]', '[ "$1" = "start" ]'),
        ("SC2188", "> out", ": > out"),
        ("SC2206", "a=($HOME); run", None),
        ("SC2206", "a=($HOME)", 'read -r -a a <<< "$HOME"'),
        ("SC2207", "a=($(ls))", "mapfile -t a < <(ls)"),
        ("SC2283", 'name = "x"', 'name="x"'),
        ("SC2294", 'eval "$@"', '"$@"'),
    ],
)
def test_a_mechanical_fix_is_proven(rule: str, line: str, fixed: str | None) -> None:
    proof = "" if fixed is None else f"shellcheck no longer reports {rule}; parses; only these lines change"
    assert _fixed(line, rule) == (fixed, proof)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("SC2044", "#!/bin/bash\nfor f in $(find . -name a); do\n  rm \"$f\"\ndone\n",
         "#!/bin/bash\nwhile IFS= read -r -d '' f; do\n  rm \"$f\"\ndone < <(find . -name a -print0)\n"),
        ("SC2128", "#!/bin/bash\nall=(a b)\nfor one in $all; do run; done\n",
         "#!/bin/bash\nall=(a b)\nfor one in \"${all[@]}\"; do run; done\n"),
        ("SC3009", "#!/bin/sh\nfor i in {1..9}; do run; done\n", "#!/bin/sh\nfor i in $(seq 1 9); do run; done\n"),
        ("SC3010", "#!/bin/sh\nif [[ -z $1 ]]; then run; fi\n", "#!/bin/sh\nif [ -z \"$1\" ]; then run; fi\n"),
        ("SC3014", "#!/bin/sh\n[ \"$1\" == a ]\n", "#!/bin/sh\n[ \"$1\" = a ]\n"),
        ("SC3020", "#!/bin/sh\nmake &> log\n", "#!/bin/sh\nmake > log 2>&1\n"),
        ("SC3037", "#!/bin/sh\necho -n \"$1\"\n", "#!/bin/sh\nprintf '%s' \"$1\"\n"),
        ("SC3046", "#!/bin/sh\nsource ./x\n", "#!/bin/sh\n. ./x\n"),
        ("sh-arguments-run-as-code", "eval \"$@\"\n", "\"$@\"\n"),
        ("sh-exit-outside-condition", "[ $# -lt 1 ] && echo \"usage: x FILE\"; exit 1\n",
         "[ $# -lt 1 ] && { echo \"usage: x FILE\"; exit 1; }\n"),
        ("sh-http-error-as-success", "set -e\ncurl -sLo x \"$1\"\n", "set -e\ncurl --fail -sLo x \"$1\"\n"),
        ("sh-loop-input-swallowed", "while read -r h; do\n  ssh \"$h\" uptime\ndone < hosts\n",
         "while read -r h; do\n  ssh -n \"$h\" uptime\ndone < hosts\n"),
        ("sh-names-without-folder", "ls -t \"$d\" | tail -n +8 | xargs rm\n",
         "ls -d -t \"$d\"/* | tail -n +8 | xargs rm\n"),
        ("sh-no-match-ends-script", "set -e\nn=$(grep -c x log)\n", "set -e\nn=$(grep -c x log || [ $? -eq 1 ])\n"),
        ("sh-output-onto-own-input", "sed 's/a/b/' \"$c\" > \"$c\"\n",
         "sed 's/a/b/' \"$c\" > \"$c.tmp\" && mv \"$c.tmp\" \"$c\"\n"),
        ("sh-pipe-hides-failure", "set -e\npg_dump app | gzip > x\n", "set -eo pipefail\npg_dump app | gzip > x\n"),
        ("sh-pipe-hides-failure", "set -e\n\n\n\n\nf() {\n  pg_dump app | gzip > x\n}\n",
         "set -e\n\n\n\n\nf() {\n  set -o pipefail\n  pg_dump app | gzip > x\n}\n"),
        ("sh-pipe-hides-failure", "#!/bin/sh\nset -e\npg_dump app | gzip > x\n", None),
        ("sh-removed-though-not-entered", "cd \"$d\"\nrm -rf ./*\n", "cd \"$d\" || exit 1\nrm -rf ./*\n"),
        ("sh-rotation-overwrites", "for i in {1..4}; do mv \"l.$i\" \"l.$((i + 1))\"; done\n",
         "for i in {4..1}; do mv \"l.$i\" \"l.$((i + 1))\"; done\n"),
        ("sh-status-of-negation", "if ! make; then\n  exit $?\nfi\n", "if ! make; then\n  exit 1\nfi\n"),
        ("sh-status-of-tee", "make | tee log\nstatus=$?\n", "make | tee log\nstatus=${PIPESTATUS[0]}\n"),
        ("sh-variable-lost-in-pipe", "n=0\ncat x | while read -r l; do\n  n=1\ndone\necho $n\n",
         "n=0\nwhile read -r l; do\n  n=1\ndone < x\necho $n\n"),
        ("sh-variable-lost-in-pipe", "n=0\nfind . | while read -r l; do n=1; done\necho $n\n",
         "n=0\nwhile read -r l; do n=1; done < <(find .)\necho $n\n"),
    ],
)  # fmt: skip
def test_a_fix_may_look_around(rule: str, before: str, after: str | None) -> None:
    source = Source(SourceKind.RULE, "built-in") if rule.startswith("sh-") else Source(SourceKind.TOOL, "shellcheck")
    found = recheck("run.sh", before, (source,)) or ()
    one = next(finding for finding in found if finding.sources[0].rule == rule)
    fix = with_own_fix(one, before, "shell", Options(), SIDE).suggestion
    assert (None if fix is None else suggestions.apply(before, fix)) == after


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
