from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reviewer.report import RenderOptions
from reviewer.report.markdown import code_span, fence, prose, render
from tests.report.samples import SAMPLES

OURS = {"h2", "h3", "p", "strong", "code", "pre", "ul", "li", "details", "summary", "blockquote"}


class Page(HTMLParser):
    """The tags and the text outside code of a rendered page."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str | None] = set()
        self.text = ""
        self._code = 0
        # The dialect of GitHub: HTML passes through, bare links become links.
        self.html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.update(value for name, value in attrs if name == "href")
        else:
            self.tags.add(tag)
        if tag == "code":
            self._code += 1
            self.text += " "  # an element stands between the text before and after it

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.text += data


@pytest.mark.parametrize("name", SAMPLES)
def test_only_our_own_markup_becomes_markup(name: str) -> None:
    review, options = SAMPLES[name]
    page = Page(render(review, options))
    rules = {source.url for finding in review.findings for source in finding.sources}
    assert page.tags <= OURS
    assert page.links <= rules
    assert not re.search(r"[@#](?=\w)|\w://|\bwww\.", re.sub("|".join(rules) or "\0", "", page.text))
    assert not [line for line in render(review, options).split("\n") if line.startswith("/")]


def test_code_arrives_unchanged() -> None:
    review, options = SAMPLES["hostile"]
    html = Page(render(review, options)).html
    assert "+```\n+&lt;/details&gt;\n+::error::pwned\n" in html
    assert "+````\n ::error::pwned\n" in html


def test_no_suggestion_block_that_a_click_would_commit() -> None:
    review, options = SAMPLES["findings"]
    assert "```suggestion" not in render(review, options)


def test_explanations_can_be_left_out() -> None:
    review, _ = SAMPLES["findings"]
    text = render(review, RenderOptions(show_explanations=False))
    assert "Drops the guard" not in text
    assert "Imports math" not in text


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("uses `values` here", "uses `values` here"),
        ("an @user and a@b.c", "an @&#8203;user and a@&#8203;b.c"),
        ("fixes #12, GH-3, !4", "fixes #&#8203;12, GH&#8203;-3, !&#8203;4"),
        ("https://x.example and www.x.example", "https&#8203;://x.example and www&#8203;.x.example"),
        ("<b> & *x* _y_ ~z~ [l](u) $m$", r"&lt;b&gt; &amp; \*x\* \_y\_ \~&#8203;z\~ \[l\](u) &#36;&#8203;m&#36;"),
        ("HEAD~1", r"HEAD\~1"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("/approve", r"\/approve"),
        ("`unbalanced", r"\`unbalanced"),
        ("``` `a` ```", r"\`\`\` `a` \`\`\`"),
    ],
)
def test_prose(text: str, markdown: str) -> None:
    assert prose(text) == markdown


_NASTY = st.text("`ab <>&[]()!@#*_~|\\/-+=1.:$\t", max_size=40)


@given(_NASTY)
@example("#`1`1")
def test_prose_is_inert(text: str) -> None:
    page = Page(prose(" ".join(text.split())))
    assert page.tags <= {"p", "code"}
    assert not page.links
    assert not re.search(r"[@#](?=\w)", page.text)


@given(_NASTY.filter(str.strip))
def test_code_spans_and_fences_hold_their_text(text: str) -> None:
    span = Page("x " + code_span(" ".join(text.split())))
    assert span.tags == {"p", "code"}
    block = MarkdownIt().parse(fence(f"{text}\n```\n~~~\n{text}", "diff"))
    assert [token.type for token in block] == ["fence"]
    assert block[0].content == f"{text}\n```\n~~~\n{text}\n"
