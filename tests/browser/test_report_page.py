"""The HTML report in a browser: what a reader does, and what a hostile change cannot."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from reviewer.finding import Review, Skipped, Source, SourceKind, Suggestion, Usage
from reviewer.report import FORMATS, RenderOptions
from tests.browser.conftest import renamed
from tests.report.samples import EMPTY, FINDINGS, MODEL, PROVEN, SAMPLES, STATS, SUMMARY, UNREAD, diff, unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import Visit

Show = Any  # a fixture that takes a review, and perhaps options, and opens its page

_IN_VIEW = "(e) => { const box = e.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
_DARK = "() => getComputedStyle(document.body).backgroundColor"


def shown(found: Locator) -> list[str]:
    """The ids of the elements that are not hidden."""
    return [one.get_attribute("id") or "" for one in found.all() if one.is_visible()]


def findings(page: Page) -> list[int]:
    """The places among all findings of those that are not hidden."""
    return [number for number, one in enumerate(page.locator(".finding").all(), 1) if one.is_visible()]


def place(finding: Locator) -> int:
    """The place of a finding among all of its page."""
    return int(finding.evaluate("(e) => [...document.querySelectorAll('.finding')].indexOf(e) + 1"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_loads_nothing_and_complains_of_nothing(name: str, show: Show) -> None:
    seen: Visit = show(*SAMPLES[name])
    for key in "jkspnod?":
        seen.page.keyboard.press(key)
    assert seen.requests == []
    assert seen.complaints == []
    assert seen.violations == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["summary", "proven", "unread", "hostile", "nothing", "long"])
def test_a_page_is_accessible(name: str, scheme: str, show: Show) -> None:
    page = show(*SAMPLES[name], color_scheme=scheme, bypass_csp=True).page
    for view in ("Unified", "Side by side"):
        page.get_by_role("button", name=view).click()
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


def test_filters_by_severity(show: Show) -> None:
    page = show(FINDINGS).page
    assert findings(page) == [1, 2, 3]
    page.get_by_label("1 warning").uncheck()
    assert findings(page) == [1, 3]
    assert page.get_by_role("status").text_content() == "2 of 3 findings shown"
    page.get_by_label("1 error").uncheck()
    assert findings(page) == [1]
    page.get_by_label("Only hunks with findings").check()
    assert shown(page.locator(".hunk")) == ["h1"]
    assert shown(page.locator(".file")) == ["f1"]
    assert page.locator(".tree a:visible").all_text_contents() == ["parse.py1 warning1 info"]
    page.get_by_label("1 error").check()
    assert shown(page.locator(".hunk")) == ["h1", "h2"]


def test_filters_by_source(show: Show) -> None:
    page = show(PROVEN).page
    page.get_by_text("Sources", exact=True).click()
    page.get_by_label("ruff").uncheck()
    assert findings(page) == [1, 2]  # a built-in rule reports the second one, too
    page.get_by_label("built-in rules").uncheck()
    assert findings(page) == [1]
    page.locator("h1").click()  # elsewhere: closes the menu
    assert not page.get_by_label("ruff").is_visible()


def test_keys_move_between_findings_and_files(show: Show) -> None:
    page = show(SUMMARY).page
    visited = []
    for key in "jjjjkk":
        page.keyboard.press(key)
        current = page.locator(".finding.now")
        assert current.evaluate(_IN_VIEW)
        assert current.evaluate("(e) => e === document.activeElement")
        visited.append(place(current))
    assert visited == [1, 2, 3, 3, 2, 1]
    assert page.locator("#position").text_content() == "1 of 3"
    page.keyboard.press("n")
    assert page.locator("#f2").evaluate(_IN_VIEW.replace("&& box.bottom <= innerHeight", ""))
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("j")  # the keys rest while the help is open
    assert page.locator("#position").text_content() == "1 of 3"
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_keys_skip_what_is_filtered(show: Show) -> None:
    page = show(FINDINGS).page
    page.get_by_label("1 warning").uncheck()
    page.locator("h1").click()
    for expected in (1, 3):
        page.keyboard.press("j")
        assert place(page.locator(".finding.now")) == expected


def test_every_key_of_the_help_does_something(show: Show) -> None:
    page = show(FINDINGS).page
    listed = page.locator("#help dt").all_text_contents()
    assert sorted(listed) == sorted(page.evaluate("Object.keys(keys)"))


@pytest.mark.parametrize("clipboard", [True, False])
def test_copies_a_fix(clipboard: bool, show: Show) -> None:
    """Through the clipboard's interface, or where a browser denies it, as the user's own copy."""
    fix = "    if a < b and c > \"\\n\":\n\treturn `x` & 'y'\n"
    finding = dataclasses.replace(EMPTY, suggestion=dataclasses.replace(EMPTY.suggestion, replacement=fix))
    page = show(
        Review("staged changes", (unit("stats.py", STATS, "", finding),)),
        permissions=["clipboard-read", "clipboard-write"] if clipboard else ["clipboard-read"],
    ).page
    if not clipboard:
        page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('denied')); null")
    page.get_by_role("button", name="Copy fix").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == fix
    page.get_by_role("button", name="Copy fix").wait_for()


def test_a_masked_fix_is_not_for_copying(show: Show) -> None:
    page = show(*SAMPLES["hostile"]).page
    assert page.locator("[data-copy]").count() == 0
    assert page.get_by_text("not for copying").is_visible()


def test_dark_mode(show: Show) -> None:
    light, dark = (show(FINDINGS, color_scheme=scheme).page for scheme in ("light", "dark"))
    assert light.evaluate(_DARK) != dark.evaluate(_DARK)
    light.get_by_role("button", name="Dark or light").click()
    assert light.evaluate(_DARK) == dark.evaluate(_DARK)
    light.reload()
    assert light.evaluate(_DARK) == dark.evaluate(_DARK)  # the choice is remembered
    light.keyboard.press("d")
    assert light.evaluate(_DARK) != dark.evaluate(_DARK)


def test_side_by_side(show: Show) -> None:
    page = show(FINDINGS).page
    removed, added, context = (page.locator(f"#h2 .{kind}").first for kind in ("del", "add", "ctx"))

    def boxes() -> tuple[dict[str, float], dict[str, float]]:
        first, second = removed.bounding_box(), added.bounding_box()
        assert first
        assert second
        return dict(first), dict(second)

    first, second = boxes()
    assert first["y"] + first["height"] <= second["y"] + 0.5
    page.get_by_role("button", name="Side by side").click()
    first, second = boxes()
    assert abs(first["y"] - second["y"]) < 0.5
    assert first["x"] + first["width"] <= second["x"] + 0.5
    assert context.locator("code").all_text_contents() == ["    total = 0", "    total = 0"]
    assert removed.inner_text().split() == [
        "12",
        "-",
        "return",
        "total",
        "/",
        "len(values)",
        "if",
        "values",
        "else",
        "0",
    ]
    assert added.inner_text().split() == ["12", "+", "return", "total", "/", "len(values)"]
    page.set_viewport_size({"width": 500, "height": 800})  # too narrow for two columns
    first, second = boxes()
    assert first["y"] + first["height"] <= second["y"] + 0.5


def test_selected_code_has_no_line_numbers(show: Show) -> None:
    page = show(FINDINGS).page
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#h3 .rows'))")
    assert page.evaluate("String(getSelection())").strip() == "import math"


@pytest.mark.parametrize("name", ["hostile", "findings", "long", "proven"])
def test_nothing_is_wider_than_the_window(name: str, show: Show) -> None:
    page = show(*SAMPLES[name]).page
    for width in (360, 768, 1300, 2000):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_reads_without_a_script(show: Show) -> None:
    page = show(*SAMPLES["summary"], java_script_enabled=False).page
    text = page.locator("main").inner_text()
    for finding in SUMMARY.shown:
        assert finding.message.replace("`", "") in text
    assert "return total / len(values) if values else 0" in text
    assert "Drops the guard" in text
    assert not page.locator("[data-script]:visible").count()


def test_prints_everything(show: Show) -> None:
    review = dataclasses.replace(UNREAD, summary=SUMMARY.summary)
    page = show(review, viewport={"width": 1300, "height": 400}, color_scheme="dark").page
    page.keyboard.press("s")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(_DARK) == "rgb(255, 255, 255)"
    assert page.get_by_text("Simplify average and begin a parser").is_visible()
    assert page.get_by_text("vendor/lib13.js").is_visible()
    assert not page.locator(".bar").is_visible()
    assert not page.locator("button:visible").count()
    hidden = "(rows) => rows.filter((row) => !row.checkVisibility({ contentVisibilityAuto: true })).length"
    assert page.locator(".row").evaluate_all(hidden) == 0
    assert page.pdf().startswith(b"%PDF")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


_PWN = "window.pwned = true"
_ATTACKS = (
    f"<script>{_PWN}</script>",
    f"</code></style></script><script>{_PWN}</script><img src=x onerror='{_PWN}'>",
    f'" onmouseover="{_PWN}" autofocus onfocus="{_PWN}" x="',
    f"' onclick='{_PWN}' style='position:fixed;inset:0' <svg onload={_PWN}>",
    "<link rel=stylesheet href=https://evil.example/x.css><base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><iframe src=https://evil.example></iframe>",
    "{{ 7 * 7 }} {% raw %} ${7*7} &lt;script&gt; <!-- --> ]]> `<b>` \u2028",
)


@pytest.mark.parametrize("attack", _ATTACKS)
def test_hostile_text_stays_text(attack: str, show: Show) -> None:
    """The same text wherever a change, a tool, a model or a repository can put one."""
    finding = dataclasses.replace(
        EMPTY,
        line=1,
        message=attack,
        context=attack,
        suggestion=Suggestion(1, 1, attack, "x", proof=attack),
        sources=(
            Source(SourceKind.TOOL, attack, attack, f"javascript:{_PWN}"),
            Source(SourceKind.RULE, "built-in", attack, f"https://e.example/{attack}"),
            Source(SourceKind.TOOL, "data", "D1", f"data:text/html,<script>{_PWN}</script>"),
        ),
    )
    review = Review(
        attack,
        (
            unit("x", diff(f"+{attack}\n-{attack}\n {attack}"), attack, finding, scope=attack),
            unit("b.js", diff(f"+// {attack}"), attack, reason=attack),
        ),
        (Skipped(attack, attack),),
        Usage(1, 0, 1, 1, 1.0, attack, attack),
        (attack,),
        summary=dataclasses.replace(SUMMARY.summary, text=attack, path=attack),
    )
    seen: Visit = show(renamed(review, f"dir/{attack}.js"))
    page = seen.page
    page.mouse.move(400, 400)
    for key in "jsc?":
        page.keyboard.press(key)
    assert page.evaluate("window.pwned") is None
    assert (seen.requests, seen.complaints, seen.violations) == ([], [], [])
    assert page.locator("script").count() == page.locator("style").count() == 1
    assert page.locator("img, iframe, base, object, embed, svg, form").count() == 0
    attributes = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames().filter((n) => /^on|^style$/.test(n)))"
    )
    assert attributes == []
    targets = page.locator("a").evaluate_all("(all) => all.map((one) => one.getAttribute('href'))")
    assert all(re.match(r"#|https://e\.example/", target) for target in targets)
    assert page.locator(".finding [id$='-title']").first.inner_text().strip()


def test_the_policy_blocks_what_escaping_would_miss(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """A second line of defence: were something injected, it would not run."""
    page = FORMATS["html"](FINDINGS, RenderOptions())
    holes = (
        f"<script>{_PWN}</script><style>h1 {{ display: none }}</style><b onclick='{_PWN}' id=hole>x</b>"
        "<img src='http://127.0.0.1:9/x.png'><script src='http://127.0.0.1:9/x.js'></script>"
    )
    file = tmp_path / "review.html"
    file.write_text(page.replace("</main>", f"{holes}</main>"), encoding="utf-8")
    seen = visit(file.as_uri())
    seen.page.locator("#hole").click()
    assert seen.page.evaluate("window.pwned") is None
    assert seen.page.locator("h1").is_visible()
    assert {one.partition(":")[0] for one in seen.violations} == {
        "script-src-elem", "style-src-elem", "script-src-attr", "img-src",
    }  # fmt: skip


def test_ten_thousand_lines(show: Show) -> None:
    """The browser lays out what is on the screen, and every action still covers everything."""
    source = [f"    value_{number} = compute(value_{number - 1}, 'text {number}')  # note" for number in range(100)]
    review = Review(
        "main...HEAD",
        tuple(
            unit(
                f"package/module{number // 5}.py",
                diff("\n".join("+-"[index % 2] + text for index, text in enumerate(source)), number * 200 + 1),
                "Changes values.",
                *([dataclasses.replace(EMPTY, line=number * 200 + 9)] if number % 10 == 0 else []),
            )
            for number in range(100)
        ),
        usage=Usage(1, 0, 1, 1, 1.0, MODEL),
    )
    page = show(review).page
    rows = page.locator(".hunk > .rows .row")
    assert rows.count() == 10_000
    skipped = "(rows) => rows.filter((row) => !row.checkVisibility({ contentVisibilityAuto: true })).length"
    assert rows.evaluate_all(skipped) > 9_000
    height = page.evaluate("document.documentElement.scrollHeight")
    page.keyboard.press("k")  # from the top: the first finding
    for _ in range(12):
        page.keyboard.press("j")
    assert page.locator(".finding.now").evaluate(_IN_VIEW)
    assert page.locator("#position").text_content() == "10 of 10"
    # What was not laid out has nearly its real height, so that the scroll bar does not jump.
    assert abs(page.evaluate("document.documentElement.scrollHeight") / height - 1) < 0.1
    page.keyboard.press("s")
    page.get_by_label("Only hunks with findings").check()
    assert page.locator(".hunk:not([hidden])").count() == 10
    assert rows.evaluate_all(skipped) > 9_000
