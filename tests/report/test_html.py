"""The HTML report as text; ``tests/browser`` looks at it in a browser."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest

from reviewer.diff import LineKind
from reviewer.finding import Review, Usage
from reviewer.languages import LANGUAGES
from reviewer.report import FORMATS, RenderOptions, highlight
from reviewer.report.document import is_web_address
from reviewer.report.highlight import Highlighter
from tests.report.samples import CLEAN, FINDINGS, MODEL, SAMPLES, diff, unit

_VOID = {"meta", "link", "input"}


class _Tree(HTMLParser):
    """Checks that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if value and (name == "aria-labelledby" or (name == "href" and value.startswith("#"))):
                self.references.append(value.lstrip("#"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SAMPLES)
def test_is_well_formed(name: str) -> None:
    tree = _Tree()
    tree.feed(FORMATS["html"](*SAMPLES[name]))
    tree.close()
    assert tree.open == []
    assert len(tree.ids) == len(set(tree.ids))
    assert set(tree.references) <= set(tree.ids)


@pytest.mark.parametrize("name", ["findings", "hostile"])
def test_the_policy_names_the_hashes_of_style_and_script(name: str) -> None:
    page = FORMATS["html"](*SAMPLES[name])
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert found
    policy = html.unescape(found[1])
    for tag in ("style", "script"):
        (text,) = re.findall(rf"(?s)<{tag}>(.*?)</{tag}>", page)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")


def test_the_memory_of_the_engine() -> None:
    usage = dataclasses.replace(FINDINGS.usage, memory=5_200_000_000, memory_limit=8_000_000_000)
    page = FORMATS["html"](dataclasses.replace(FINDINGS, usage=usage), RenderOptions())
    assert "<dt>Engine&#39;s memory</dt><dd>5.2 GB of 8.0 GB allowed</dd>" in page
    assert "memory" not in FORMATS["html"](CLEAN, RenderOptions()).partition("<body>")[2]


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("https://docs.example/rules/B006", True),
        ("http://docs.example:8080/", True),
        ("HTTPS://docs.example/?q=1#x", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("file:///etc/passwd", False),
        ("//docs.example/", False),
        ("/rules/B006", False),
        ("https:///x", False),
        ("https://user:password@docs.example/", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_web_addresses_are_linked(url: str, linked: bool) -> None:
    assert is_web_address(url) is linked


def _text(line: str) -> str:
    return html.unescape(re.sub(r"</?span[^>]*>", "", line))


_SOURCE = "\n".join(
    (
        "-'''unclosed",
        '+"unclosed \\',
        " x = {'a': 1} # <b>",
        "+",
        "+\t/* & */ // <script>",
        "-`${a}` <!-- --> <?php $x ?>",
        " # caf\u00e9 \u6f22\u5b57",
        "+  trailing  ",
    )
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_colours_change_no_character(language: str) -> None:
    lines = diff(_SOURCE)
    coloured = Highlighter().lines(language, lines)
    assert [_text(line) for line in coloured] == [line.text for line in lines]
    assert all(
        re.fullmatch(r'<span class="\w">|</span>', tag) for line in coloured for tag in re.findall("<[^>]*>", line)
    )


def test_each_side_is_coloured_as_a_whole() -> None:
    """A removed quote does not begin a string in the lines that were added."""
    removed, added = Highlighter().lines("python", diff("-x = '''\n+return 1"))
    assert removed == 'x = <span class="s">&#x27;&#x27;&#x27;</span>'
    assert added == '<span class="k">return</span> <span class="m">1</span>'


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != "generic"])
def test_every_language_has_colours(language: str) -> None:
    samples = {"html": "<b>x</b>", "css": "a { color: red }", "markdown": "# Title", "dockerfile": "FROM x"}
    text = samples.get(language, "return 'x' # 1" if language != "yaml" else "a: 'x'")
    assert "<span" in Highlighter().lines(language, diff(f"+{text}"))[0]


def test_what_is_too_large_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "return " + "x" * highlight.MAX_LINE
    assert Highlighter().lines("python", diff(f"+return 1\n+{long}")) == ["return 1", long]
    monkeypatch.setattr(highlight, "MAX_REPORT", 20)
    once = Highlighter()
    assert "<span" in once.lines("python", diff("+return 1"))[0]
    assert "<span" in once.lines("python", diff("+return 2"))[0]
    assert once.lines("python", diff("+return 3")) == ["return 3"]


def test_long_code_is_coloured_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Highlighter().lines("python", diff("+return 1\n+return 2\n+return 3"))
    for size in (9, 20, 27):
        monkeypatch.setattr(highlight, "MAX_PIECE", size)
        assert Highlighter().lines("python", diff("+return 1\n+return 2\n+return 3")) == whole


def test_code_that_a_lexer_is_slow_for_ends_in_time() -> None:
    """The one for Java needs the square of the length here: a minute, were it not stopped."""
    text = "\n".join("+" + "a " * 190 for _ in range(100))
    began = time.process_time()
    assert not any("<span" in line for line in Highlighter().lines("java", diff(text)))
    assert time.process_time() - began < 5 * highlight.MAX_PIECE_SECONDS


def test_all_lines_are_in_the_report_once() -> None:
    text = "\n".join(f"{' +-'[number % 3]}line {number}" for number in range(1000))
    page = FORMATS["html"](
        Review("x", (unit("a.txt", diff(text), language="generic"),), usage=Usage(model=MODEL)), RenderOptions()
    )
    rows = re.findall(r'<div class="row (\w+)"><b>\d*</b><b>\d*</b><i>[+-]?</i><code>(.*?)</code></div>', page)
    kinds = {"ctx": LineKind.CONTEXT, "add": LineKind.ADDED, "del": LineKind.REMOVED}
    assert [kinds[kind].value + code for kind, code in rows] == text.split("\n")


def test_other_formats_do_not_import_pygments() -> None:
    code = (
        "import sys\nfrom reviewer.report import FORMATS\nfrom tests.report.samples import SAMPLES\n"
        "for name in FORMATS.keys() - {'html'}: FORMATS[name](*SAMPLES['clean'])\n"
        "print(sorted({'pygments', 'jinja2'} & sys.modules.keys()))"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert shown == "[]\n"
