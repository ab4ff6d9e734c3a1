"""Pages in a real headless Chromium, with everything recorded that a page must not do.

``TEST_BROWSER`` names the program, and it must then work; otherwise it is looked for.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

from reviewer.report import FORMATS, RenderOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from reviewer.finding import Review

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.effectiveDirective}: ${event.blockedURI}`);
});
"""


def find_browser() -> str | None:
    """The program to run; None if there is none."""
    return os.environ.get("TEST_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module; while it is open, asyncio cannot run in this thread."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@dataclass
class Visit:
    """What a page did.

    Attributes:
        requests: Addresses that it requested, without those of the page itself.
        complaints: Errors of its script, messages on the console, dialogs.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def violations(self) -> list[str]:
        """What its content security policy blocked."""
        found: list[str] = self.page.evaluate("window.violations")
        return found


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open an address in a context of its own; keyword arguments are those of the context."""
    contexts: list[BrowserContext] = []

    def opened(address: str, **settings: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **settings})
        contexts.append(context)
        context.add_init_script(_WATCH)
        page = context.new_page()
        page.set_default_timeout(60_000)
        seen = Visit(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("console", lambda message: seen.complaints.append(message.text))
        page.on("pageerror", lambda problem: seen.complaints.append(str(problem)))

        def dismiss(dialog: Any) -> None:
            seen.complaints.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        page.on("dialog", dismiss)
        page.goto(address, wait_until="load")
        return seen

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def show(visit: Callable[..., Visit], tmp_path: Path) -> Callable[..., Visit]:
    """Render a review as HTML, and open the file."""

    def shown(review: Review, options: RenderOptions | None = None, **settings: Any) -> Visit:
        file = tmp_path / "review.html"
        file.write_text(FORMATS["html"](review, options or RenderOptions()), encoding="utf-8")
        seen = visit(file.as_uri(), **settings)
        seen.requests.remove(file.as_uri())
        return seen

    return shown


def renamed(review: Review, path: str) -> Review:
    """The same review of a file of another name."""
    return dataclasses.replace(
        review,
        units=tuple(
            dataclasses.replace(
                unit, path=path, findings=tuple(dataclasses.replace(one, path=path) for one in unit.findings)
            )
            for unit in review.units
        ),
    )
