"""Recognises what a program wrote without a comment in the usual form: drawings, manuals as HTML, recordings, scenes.

The marks are those of the programs' own output, and of github-linguist/linguist (``lib/linguist/generated.rb``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOP = 40  # lines
_WIDTH = 1_000  # characters of a line: many programs write a drawing as a single one

_BY = (
    r"(?:generated|created|produced|exported|made|drawn|rendered|uploaded|optimi[sz]ed)"
    r"\s{1,9}(?:automatically )?(?:by|with|using|in|to|from)\b"
)
_SVG = re.compile(
    rf"<!--[^>]{{0,300}}?\b(?:{_BY}|generator\s*:|editors other than|svg-source:|font awesome|flame graph stack)"
    rf"|<(?:desc|title)>\s{{0,9}}(?:{_BY}|gnuplot\b)"
    r"|\bxmlns:(?:inkscape|sodipodi|sketch|serif|bx|figma|krita|vectornator|xodm|ai)="
    r"|\b(?:data-d2-version|d2Version|aria-roledescription)=|<\?plantuml\b|\bcontent=\"&lt;mxfile"
    r"|<dc:title>\s{0,9}Matplotlib\b|\bclass=\"(?:rich-terminal|excalidraw)",
    re.IGNORECASE,
)
_SITES = (
    "asciidoc|docfx|docusaurus|doxygen|dokka|gitbook|groff|hugo|javadoc|jazzy|jekyll|jsdoc|latex2html|makeinfo|mkdocs"
)
_HTML = re.compile(
    rf"<!--\s{{0,9}}(?:{_BY}|this is an automatically generated file)"
    rf"|<meta\s[^>]{{0,200}}?\bname=[\"']generator[\"'][^>]{{0,200}}?\bcontent=[\"']"
    rf"(?:{_SITES}|org mode|pdoc|pkgdown|rdoc|ronn|sphinx|texi2html|typedoc|yard)",
    re.IGNORECASE,
)
_MARKS: dict[str, re.Pattern[str]] = {
    **dict.fromkeys((".svg",), _SVG),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _HTML),
    **dict.fromkeys((".eps", ".ps"), re.compile(r"^%%Creator:", re.MULTILINE)),
    **dict.fromkeys(
        (".unity", ".prefab", ".asset", ".mat", ".anim"), re.compile(r"^%TAG !u! tag:unity3d", re.MULTILINE)
    ),
    ".meta": re.compile(r"\AfileFormatVersion: \d"),
}
# The last lines: where a compiler names its source map, and a recorder of web traffic itself.
_LAST = re.compile(r"^(?://|/\*)[#@]\s*source(?:Mapping)?URL=", re.MULTILINE)
_RECORDED = re.compile(r"^recorded_with: VCR\b", re.MULTILINE)
_ENDS: dict[str, re.Pattern[str]] = {
    **dict.fromkeys((".js", ".mjs", ".cjs", ".css"), _LAST),
    **dict.fromkeys((".yml", ".yaml"), _RECORDED),
}
# Of the characters of a drawing that are not white space; by hand one writes words and few coordinates.
_MOST_DIGITS = 0.35


def is_drawn(path: str, lines: Sequence[str]) -> bool:
    """Return whether a text is the output of a drawing program, a documentation generator, a recorder or an editor.

    Args:
        path: The file's path; its suffix decides what is looked for.
        lines: The text.
    """
    suffix = path.lower().rpartition(".")[2]
    mark, end = _MARKS.get(f".{suffix}"), _ENDS.get(f".{suffix}")
    if mark is not None and mark.search("\n".join(line[:_WIDTH] for line in lines[:_TOP])):
        return True
    if end is not None and end.search("\n".join(line[:_WIDTH] for line in lines[-3:])):
        return True
    return suffix == "svg" and _is_numbers(lines)


def _is_numbers(lines: Sequence[str]) -> bool:
    text = "".join("".join(line.split()) for line in lines)
    return bool(text) and sum(map(str.isdigit, text)) > _MOST_DIGITS * len(text)
