"""Mechanical fixes in shell scripts that look at whole lines, for reports of shellcheck and of built-in rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Edit

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.reviewed import ReviewedFile

_ABOVE = 3  # lines in which a statement that belongs to a fault is looked for
_MOST_LINES = 30  # of a loop

_WORD = r"""(?:"[^"]*"|'[^']*'|[^\s"'|&;<>()]+)"""
_SEQUENCE = r"\d+(?:\s+\d+)+|\{\d+\.\.\d+\}|\$\(seq\s+\d+\s+\S+?\s*\)"
# Commands whose output is one word.
_ONE_WORD = (
    r"\$\((?:date|pwd|basename|dirname|realpath|readlink|hostname|whoami|mktemp|nproc|id|uname|wc|stat|grep -\w*c"
    r"|git (?:rev-parse|describe)|cat \S*(?i:pid|version)\S*)\b[^()]*\)"
)
_LISTS = r"(?:ls|find|git|grep|awk|cut|sort|cat|compgen|jq|sed|docker|kubectl|aws|ps|pgrep)\b"

# What is replaced in the line, from the reported place on where the pattern begins with \A.
_IN_LINE: dict[str, tuple[tuple[str, str], ...]] = {
    "SC1035": ((r"(^|\s)\[(?=[\"$!-])", r"\1[ "),),
    "SC2038": ((r"(\bfind\s(?:(?!-print|\|).)*?)\s*\|\s*xargs(?=\s)(?! -0)", r"\1 -print0 | xargs -0"),),
    "SC2046": ((rf"\A({_ONE_WORD})", r'"\1"'),),
    "SC2051": ((r"\A\{(\w+)\.\.\$\{?(\w+)\}?\}", r'$(seq \1 "$\2")'),),
    "SC2069": ((rf"2>&1\s+(>>?\s*{_WORD})", r"\1 2>&1"),),
    "SC2088": ((r'\A"~/', '"$HOME/'), (r"\A~/", "$HOME/")),
    "SC2091": ((r"\A\$\(([^()]*)\)(?=\s*(?:;|$|&&|\|\|))", r"\1"),),
    "SC2113": ((r"\Afunction\s+([\w-]+)\s*(?:\(\s*\))?\s*\{", r"\1() {"),),
    "SC2147": ((r"(?<=[:=\"])~(?=/)", "$HOME"),),
    "SC2168": ((r"\Alocal\s+(?=\w+=)", ""),),
    "SC2170": ((r"-eq(?=\s+[\"']?[A-Za-z])", "="), (r"-ne(?=\s+[\"']?[A-Za-z])", "!=")),
    "SC2188": ((r"^(\s*)>(?!>)", r"\1: >"),),
    "SC2206": ((r"^(\s*)(\w+)=\(\s*(\$\{?\w+\}?)\s*\)\s*$", r'\1read -r -a \2 <<< "\3"'),),
    "SC2207": ((rf"^(\s*)(\w+)=\(\s*\$\(({_LISTS}.*)\)\s*\)\s*$", r"\1mapfile -t \2 < <(\3)"),),
    "SC2283": ((rf"^(\s*)(\w+)\s*=\s*({_WORD})\s*$", r"\1\2=\3"),),
    "SC2294": ((r"\beval\s+\"\$@\"", '"$@"'),),
    "SC3009": ((r"\A\{(\d+)\.\.(\d+)\}", r"$(seq \1 \2)"),),
    "SC3010": (
        (r'\A\[\[\s+(-[a-z])\s+"?(\$\{?\w+\}?)"?\s+\]\]', r'[ \1 "\2" ]'),
        (r'\A\[\[\s+"?(\$\{?\w+\}?)"?\s*==?\s*([\w.-]+|"[^"]*")\s+\]\]', r'[ "\1" = \2 ]'),
        (r'\A\[\[\s+"?(\$\{?\w+\}?)"?\s*!=\s*([\w.-]+|"[^"]*")\s+\]\]', r'[ "\1" != \2 ]'),
    ),
    "SC3014": ((r"\A==", "="),),
    "SC3020": ((rf"&>\s*({_WORD})", r"> \1 2>&1"),),
    "SC3037": (
        (r"""echo\s+-n\s+("[^"\\]*"|'[^']*')(?=\s*(?:$|[|>;&)]))""", r"printf '%s' \1"),
        (r"""echo\s+-e\s+("[^"]*"|'[^']*')(?=\s*(?:$|[|>;&)]))""", r"printf '%b\\n' \1"),
        (r"""echo\s+-(?:en|ne)\s+("[^"]*"|'[^']*')(?=\s*(?:$|[|>;&)]))""", r"printf '%b' \1"),
    ),
    "SC3046": ((r"\Asource(?=\s)", "."),),
    "sh-arguments-run-as-code": ((r"\Aeval\s+\"?\$@\"?(?=\s*$)", '"$@"'),),
    "sh-exit-outside-condition": (
        (
            r"^(\s*)(.+?)\s*(&&|\|\|)\s*([^&|;]+(?:>\s*&2)?)\s*;\s*((?:exit|return)(?:\s+\d+)?)\s*$",
            r"\1\2 \3 { \4; \5; }",
        ),
    ),
    "sh-http-error-as-success": ((r"\Acurl(?=\s)", "curl --fail"),),
    "sh-loop-input-swallowed": (
        (r"\A((?:sudo\s+(?:-\w+\s+)*)?)ssh(?=\s)", r"\1ssh -n"),
        (r"\A((?:sudo\s+)?)ffmpeg(?=\s)", r"\1ffmpeg -nostdin"),
        (r"\A((?:sudo\s+)?(?:docker|kubectl)\s+exec\s+)-i\s", r"\1"),
    ),
    "sh-names-without-folder": ((r"""\Als\s+((?:-\w+\s+)*)("[^"]*"|[^\s|]+?)/?(?=\s*\|)""", r"ls -d \1\2/*"),),
    "sh-no-match-ends-script": ((r"(\$\([^()]*\bgrep\s[^()]*?)(\)\"?)\s*$", r"\1 || [ $? -eq 1 ]\2"),),
    "sh-status-of-negation": ((r"\b(exit|return)\s+\"?\$\?\"?", r"\1 1"),),
}  # fmt: skip


def edits(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Return the fix of a report about a shell script; empty where there is no mechanical one."""
    rule = one.source.rule
    if rule in _LOOKING_AROUND:
        return _LOOKING_AROUND[rule](one, file)
    line, start = file.line_text(one.line), one.column - 1
    if rule not in _IN_LINE or start < 0:
        return ()
    for pattern, template in _IN_LINE[rule]:
        at = start if pattern.startswith(r"\A") else 0
        found = re.search(pattern, line[at:])
        if found is not None:
            first, last = at + found.start() + 1, at + found.end() + 1
            return (Edit((one.line, first), (one.line, last), found.expand(template)),)
    return ()


def _whole(number: int, line: str, text: str) -> Edits:
    return (Edit((number, 1), (number, len(line) + 1), text),)


def _is_bash(file: ReviewedFile) -> bool:
    return re.match(r"#!.*[/ ](?:da|a)?sh\b", file.line_text(1)) is None


def _as_root(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Write with the rights of ``sudo``."""
    line = file.line_text(one.line)
    found = re.fullmatch(rf"(\s*)sudo\s+((?:echo|printf|cat)\s[^|;&<>]*?)\s*(>>?)\s*({_WORD})\s*", line)
    if found is None:
        return ()
    append = " -a" if found[3] == ">>" else ""
    return _whole(one.line, line, f"{found[1]}{found[2]} | sudo tee{append} {found[4]} > /dev/null")


def _every_element(one: Diagnostic, file: ReviewedFile) -> Edits:
    line, start = file.line_text(one.line), one.column - 1
    found = re.compile(r"\$\{?(\w+)\}?(?=\s*(?:;|$))").match(line, start)
    if found is None or not re.search(r"\bfor\s+\w+\s+in\s+$", line[:start]):
        return ()
    return (Edit((one.line, start + 1), (one.line, found.end() + 1), f'"${{{found[1]}[@]}}"'),)


def _as_regex(one: Diagnostic, file: ReviewedFile) -> Edits:
    line, start, end = file.line_text(one.line), one.column - 1, one.end_column - 1
    found = re.fullmatch(r"""(["'])([^\s"'`;<>&$]+\$?)\1""", line[start:end])
    return () if found is None else (Edit((one.line, start + 1), (one.line, end + 1), found[2]),)


def _two_tests(one: Diagnostic, file: ReviewedFile) -> Edits:
    line = file.line_text(one.line)
    found = re.fullmatch(r"(.*(?:^|\s)\[\s[^\[\]]*?)\s&&\s([^\[\]&|]*\s\](?:\s|;|$).*)", line)
    return () if found is None else _whole(one.line, line, f"{found[1]} ] && [ {found[2]}")


def _while_read(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Read the names that ``find`` prints one by one, whatever is in them."""
    line = file.line_text(one.line)
    found = re.fullmatch(r"(\s*)for\s+(\w+)\s+in\s+\$\((find\s[^()|;]*)\)\s*;?\s*do(?:\s*|\s+(.*);\s*done\s*)", line)
    if found is None or not _is_bash(file) or "-print" in found[3]:
        return ()
    head, tail = f"{found[1]}while IFS= read -r -d '' {found[2]}; do", f"done < <({found[3].rstrip()} -print0)"
    if found[4]:
        return _whole(one.line, line, f"{head} {found[4]}; {tail}")
    for number in range(one.line + 1, min(one.line + _MOST_LINES, len(file.lines) + 1)):
        if file.line_text(number).rstrip() == f"{found[1]}done":
            return (*_whole(one.line, line, head), *_whole(number, file.line_text(number), found[1] + tail))
    return ()


def _through_another_file(one: Diagnostic, file: ReviewedFile) -> Edits:
    line = file.line_text(one.line)
    found = re.fullmatch(rf"(.*?[^<>&\d]\s*)>\s*({_WORD})\s*", line)
    if found is None:
        return ()
    name = found[2]
    other = f'{name[:-1]}.tmp"' if name.endswith('"') else f"{name}.tmp"
    return _whole(one.line, line, f"{found[1]}> {other} && mv {other} {name}")


def _with_pipefail(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Let a pipeline fail where any of its commands does."""
    if not _is_bash(file):
        return ()
    for number in range(one.line - 1, max(one.line - 1 - _ABOVE, 0), -1):
        found = re.fullmatch(r"set -([a-z]*e[a-z]*)\s*", file.line_text(number))
        if found is not None and "o" not in found[1]:
            return _whole(number, file.line_text(number), f"set -{found[1]}o pipefail")
    line = file.line_text(one.line)
    before = file.line_text(one.line - 1) if one.line > 1 else ""
    if not re.fullmatch(r"\s*(?:if\s+|!\s+)*", line[: one.column - 1]) or before.rstrip().endswith(("\\", "|", "&&")):
        return ()
    indent = line[: len(line) - len(line.lstrip())]
    return (Edit((one.line, 1), (one.line, 1), f"{indent}set -o pipefail\n"),)


def _status_before_tee(one: Diagnostic, file: ReviewedFile) -> Edits:
    line = file.line_text(one.line)
    at = line.find("$?", one.column - 1)
    if at < 0 or not _is_bash(file):
        return ()
    return (Edit((one.line, at + 1), (one.line, at + 3), "${PIPESTATUS[0]}"),)


def _without_subshell(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Run the loop in the script's own shell, and the command that feeds it in another."""
    line, end = file.line_text(one.line), file.line_text(one.end_line)
    before, after = line[: one.column - 1], end[one.end_column - 1 :]
    found = re.fullmatch(r"(\s*)([^;&{}`]+?)\s*\|\s*", before)
    if found is None or after.strip() or not _is_bash(file) or re.match(r"(?:if|while|until|!)\s", found[2]):
        return ()
    plain = re.fullmatch(rf"cat\s+({_WORD})", found[2])
    source = f"< {plain[1]}" if plain else f"< <({found[2]})"
    place = (one.end_line, one.end_column)
    return (Edit((one.line, 1), (one.line, one.column), found[1]), Edit(place, place, f" {source}"))


def _entered(one: Diagnostic, file: ReviewedFile) -> Edits:
    """End where the folder cannot be entered."""
    for number in range(one.line - 1, max(one.line - 1 - _ABOVE, 0), -1):
        line = file.line_text(number)
        if re.fullmatch(rf"\s*cd\s+{_WORD}\s*", line):
            leave = (
                "return 1" if line[:1].isspace() and re.search(r"^\w+\s*\(\)", file.text, re.MULTILINE) else "exit 1"
            )
            return _whole(number, line, f"{line.rstrip()} || {leave}")
    return ()


def _downwards(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Count the rotated files downwards."""
    for number in range(one.line, max(one.line - 1 - _ABOVE, 0), -1):
        line = file.line_text(number)
        found = re.match(
            r"(\s*for\s+\w+\s+in\s+)(\d+(?:\s+\d+)+|\{\d+\.\.\d+\}|\$\(seq\s+\d+\s+\S+?\s*\))(?=\s*;|\s*$)", line
        )
        if found is None:
            continue
        numbers = re.findall(r"[\w$\"{}]+", found[2].removeprefix("$(seq").strip("{} )").replace("..", " "))
        down = " ".join(reversed(numbers))
        if found[2].startswith("{"):
            down = f"{{{down.replace(' ', '..')}}}"
        elif found[2].startswith("$"):
            down = f"$(seq {numbers[1]} -1 {numbers[0]})"
        return (Edit((number, found.start(2) + 1), (number, found.end(2) + 1), down),)
    return ()


_LOOKING_AROUND: dict[str, Callable[[Diagnostic, ReviewedFile], Edits]] = {
    "SC2024": _as_root,
    "SC2044": _while_read,
    "SC2076": _as_regex,
    "SC2107": _two_tests,
    "SC2128": _every_element,
    "sh-output-onto-own-input": _through_another_file,
    "sh-pipe-hides-failure": _with_pipefail,
    "sh-removed-though-not-entered": _entered,
    "sh-rotation-overwrites": _downwards,
    "sh-status-of-tee": _status_before_tee,
    "sh-variable-lost-in-pipe": _without_subshell,
}
