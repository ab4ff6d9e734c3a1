"""The documentation site in a browser, opened from a folder: it loads nothing else, is searchable and fits a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from docs.tools import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import Visit


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    target = tmp_path_factory.mktemp("site") / "site"
    build.build(target)
    return target


def test_the_search_works_without_a_server(site: Path, visit: Callable[..., Visit]) -> None:
    seen = visit((site / "rules" / "python.html").as_uri())
    seen.page.get_by_role("button", name="Search").first.click()
    seen.page.keyboard.type("hook_budget")
    seen.page.locator("a[href*='settings.html']").filter(has_text="hook_budget").first.wait_for()
    assert [url for url in seen.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert seen.complaints == []


def test_no_page_is_wider_than_a_phone(site: Path, visit: Callable[..., Visit]) -> None:
    page = visit((site / "index.html").as_uri(), viewport={"width": 390, "height": 844}).page
    widths = {}
    for path in [*site.glob("*.html"), *site.glob("rules/*.html")]:
        page.goto(path.as_uri())
        widths[path.name] = page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in widths.items() if width > 390} == {}
