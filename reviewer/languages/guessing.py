"""Guesses the language of text without a path from constructs that prose does not contain.

Patterns are matched against single lines of bounded length, so that no text makes them slow. Two points make a guess:
one construct that is typical of the language alone (a proof), or two that could occur by chance (hints).
"""

from __future__ import annotations

import re
from functools import cache

_ENOUGH = 2
_LINES = 400
_LINE_LENGTH = 200

# language: (proofs, hints). On a tie the earlier row wins.
_TABLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "php": ((r"<\?php\b", r"\$\w+ *->\w+\(.*\);$"), (r"\$\w+ = .*;$", r"echo .*;$")),
    "html": (
        (r"<!doctype html", r"<!DOCTYPE html", r"</(?:html|head|body|div|span|table|ul|form|p|script|template)>"),
        (r"<(?:div|span|p|a|ul|li|form|input|img|h[1-6]|section|button)\b[^<>]*>",),
    ),
    "dockerfile": (
        (),
        (r"FROM [\w./:@-]+(?: AS \w+)?$", r"(?:RUN|COPY|ADD|WORKDIR|EXPOSE|ENV) \S", r"(?:CMD|ENTRYPOINT) \S"),
    ),
    "terraform": ((r'(?:resource|data) "\w+" "[\w-]+" \{', r'(?:variable|provider|module|output) "[\w-]+" \{'), ()),
    "typescript": (
        (
            r"(?:export )?interface \w+(?:<\w+>)?(?: extends [\w, ]+)? \{",
            r"(?:export )?type \w+(?:<\w+>)? = ",
            r"(?:export )?(?:const|let|(?:async )?function) \w+.{0,80}: ?(?:string|number|boolean|void|Promise<)",
        ),
        (),
    ),
    "javascript": (
        (
            r"(?:export )?(?:default )?(?:async )?function ?\*? ?\w*\([^()]*\) ?\{",
            r"(?:export )?(?:const|let|var) (?:\w+|\{[^{}]*\}|\[[^\[\]]*\]) = \S",
            r"console\.(?:log|error|warn)\(",
            r"import .+ from ['\"]",
            r"module\.exports\b",
        ),
        (r".*\([^()]*\) => [{\w(]", r"return .*;$", r"(?:if|for|while) \(.*\{$"),
    ),
    "cpp": (
        (
            r"template ?<(?:typename|class) ",
            r".*\bstd::\w",
            r"using namespace \w+;",
            r"class \w+.* : (?:public|private) \w",
        ),
        (r"#include <(?:iostream|vector|string|memory|map|algorithm)>", r".*\b\w+::~?\w+\("),
    ),
    "csharp": (
        (
            r"using System[\w.]*;",
            r"namespace [\w.]+;?$",
            r"(?:public|private|protected|internal) (?:static |async |virtual )*[\w<>\[\]?]+ \w+ ?\{ ?get;",
            r"Console\.Write(?:Line)?\(",
            r"(?:public|private|protected|internal) (?:static )?async Task\b",
        ),
        (r"(?:public|private|protected|internal) (?:static |override |sealed )*\w+.*$",),
    ),
    "java": (
        (
            r"import (?:static )?(?:java|javax|org|com)\.[\w.*]+;",
            r"package [\w.]+;",
            r"public static void main\(",
            r"System\.out\.print",
            r"(?:public|private|protected) (?:static |final |abstract )*(?:class \w+|[\w<>\[\], ]+ \w+\([^()]*\)).*\{$",
            r"@Override$",
        ),
        (),
    ),
    "kotlin": (
        (
            r"(?:(?:private|public|internal|override|suspend|inline|open) )*fun (?:<[^<>]+> )?[\w.<>]+\(.*\).*[={]",
            r"(?:data|sealed) class \w+ ?[({]",
        ),
        (r"va[lr] \w+(?:: \w+)? = ",),
    ),
    "rust": (
        (
            r"(?:pub(?:\(\w+\))? )?(?:async |const |unsafe )*fn \w+(?:<.*>)?\(.*",
            r"let mut \w+",
            r"#!?\[\w+.*\]$",
            r"impl\b.* \{$",
            r"(?:pub )?(?:struct|enum|trait) \w+.* \{$",
            r".*\b(?:println|vec|format|panic)!\s*[(\[]",
            r"use (?:std|crate|super)::",
        ),
        (r"let \w+(?:: \w+)? = .*;$", r"match \w+ \{$"),
    ),
    "go": (
        (
            r"func (?:\(\w+ \*?\w+(?:\[\w+\])?\) )?\w+(?:\[[^\]]+\])?\(.*\).*\{",
            r"if err != nil \{",
            r"type \w+ (?:struct|interface) \{",
        ),
        (r"package \w+$", r"[\w, ]+ := \S", r".*\bfmt\.(?:Print|Sprint|Errorf)"),
    ),
    "swift": (
        (
            r"(?:(?:private|public|internal|static|override|mutating) )*func \w+(?:<[^<>]+>)?\(.*\).* ?(?:-> .*)\{",
            r"(?:guard|if) let \w+ ?[={]",
            r"import (?:Foundation|UIKit|SwiftUI)$",
        ),
        (r"let \w+(?:: \w+)? = [^;]*$", r"func \w+\([^()]*\w+: \w+.*\{$"),
    ),
    "python": (
        (
            r"(?:async )?def \w+\(.*(?::|,|\()$",
            r"(?:async )?def \w+\(.*\).*: \S",
            r"class \w+(?:\([^()]*\))?:$",
            r"from [\w.]+ import [\w*(]+(?:[\w, ]*|\()$",
            r"import [a-z_][\w.]*(?: as \w+)?$",
            r"for [\w, ]+ in .*:$",
            r"elif .*:$",
            r"except(?: \w.*)?:$",
            r"if __name__ ==",
        ),
        (
            r"(?:if|while|with|try|else)\b.*:$",
            r".*\bself\.\w+",
            r".*\bprint\(",
            r"[a-z_]\w* = [^;]+$",
            r"return [\w\[({\"'-][^;]*$",
        ),
    ),
    "ruby": (
        (r"require(?:_relative)? ['\"]", r"attr_(?:reader|accessor|writer) :", r".* do \|[\w, ]+\|$", r"def \w+[?!]$"),
        (r"def (?:self\.)?\w+[?!]?(?:\([^():]*\))?$", r"end$", r"puts ", r"class \w+(?: < \w+)?$", r"@\w+ = "),
    ),
    "c": (
        (
            r"#include [<\"][\w./]+\.h[>\"]",
            r"#(?:define|ifdef|ifndef) \w+",
            r"(?:static |const |unsigned )*(?:int|void|char|size_t|long|double|float|struct \w+) \**\w+\([^;]*\) ?\{",
        ),
        (
            r"(?:int|char|long|double|float|size_t) \**\w+(?:\[\w*\])?(?: = .*)?;$",
            r"(?:printf|free|memcpy|strcpy)\(.*\);$",
        ),
    ),
    "shell": (
        (
            r"if \[\[? .*\]\]?; *then",
            r"(?:fi|done|esac)$",
            r"set -[euxo]",
            r"export [A-Z_]+=",
            r".*\$\{\w+(?::-|##|%%)",
        ),
        (
            r"\$ [a-z]",
            r"echo [\"']?\$\w",
            r".*\$\([a-z]+ ",
            r"(?:then|do)$",
            r"(?:sudo|cd|mkdir|rm|curl|grep) -?[\w/.-]",
        ),
    ),
    "sql": (
        (
            r"(?i:select)\b.+\b(?i:from) [\w.\"`\[]+ *(?:;|$)",
            r"SELECT\b.+\bFROM [\w.\"`\[]+",
            r"(?i:select)\b.+\b(?i:from) [\w.\"`\[]+ (?i:where) [\w.\"`]+ *(?:=|<|>|(?i:in|is|like)\b)",
            r"(?i:insert into) [\w.\"`]+ *(?:\(|(?i:values|select)\b|$)",
            r"(?i:delete from) [\w.\"`]+ *(?:;|$|(?i:where) )",
            r"(?i:create (?:or replace )?(?:table|view|(?:unique )?index)) .*(?:\(|\b(?i:as|on)\b)",
            r"(?i:alter|drop) (?i:table) [\w.\"`]+ *(?:;|$|(?i:add|drop|alter)\b)",
            r"(?i:update) [\w.\"`]+ (?i:set) [\w.\"`]+ *=",
        ),
        (
            r"(?i:select) [\w.*, ]+$",
            r"(?i:from) [\w.\"`]+(?: \w+)?$",
            r"(?i:where|and|on) [\w.]+ *(?:=|<|>)",
            r"(?i:left |inner )?JOIN ",
        ),
    ),
    "css": (
        (r"(?:[.#@]?[\w-]+[\w .#:>,()-]*)\{ *[a-z-]+ *: *[^;{}]+;", r"@media .*\{$"),
        (r"[.#]?[a-z][\w-]*(?:[ ,>]+[.#]?[a-z][\w-]*)*(?::\w+)? \{$", r"[a-z-]+: [^;{}]+;$"),
    ),
    "yaml": (
        (r"apiVersion: \S+$", r"- (?:name|uses|run|hosts): \S"),
        (r"---$", r"[a-z_][\w-]*: [\w\"'./{\[-][^;]*$", r"[a-z_][\w-]*:$", r"- [\w\"'./-]+$"),
    ),
    "markdown": ((r"\[!\[.*\]\(.*\)",), (r"#{1,6} \w.*$", r"[-*] (?:\[[ x]\] )?\S", r".*\[[^\[\]]+\]\([^()]+\)")),
}

# The first language's constructs also occur in the second, so the second wins if it has enough points.
_SPECIAL = (("html", "php"), ("javascript", "typescript"), ("c", "cpp"))


@cache
def _patterns() -> tuple[tuple[str, int, re.Pattern[str]], ...]:
    return tuple(
        (language, points, re.compile(pattern))
        for language, (proofs, hints) in _TABLE.items()
        for points, patterns in ((2, proofs), (1, hints))
        for pattern in patterns
    )


def strongest(text: str) -> str | None:
    """Return the name of the language with the most points; None if none has enough."""
    lines = [line.strip()[:_LINE_LENGTH] for line in text.split("\n", _LINES)[:_LINES]]
    points: dict[str, int] = {}
    for language, weight, pattern in _patterns():
        if any(pattern.match(line) for line in lines):
            points[language] = points.get(language, 0) + weight
    best = max(points, key=lambda language: points[language], default=None)
    if best is None or points[best] < _ENOUGH:
        return None
    return next(
        (special for general, special in _SPECIAL if best == general and points.get(special, 0) >= _ENOUGH), best
    )
