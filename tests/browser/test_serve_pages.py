"""``reviewer serve`` in a browser, beside real reviews made by processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.conftest import Visit
    from tests.repo import Repo

_REPLY = {"explanation": "Drops the guard of `average`, so that it divides by zero.", "findings": []}


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(Script(rules=[Rule(json=_REPLY, delay=4)]), tcp=True) as engine:
        yield engine


@pytest.fixture
def address(changed: Repo) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "serve"], cwd=changed.root, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    yield process.stdout.readline().strip()
    process.terminate()
    process.communicate(timeout=60)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_list_and_its_pages(scheme: str, changed: Repo, address: str, visit: Callable[..., Visit]) -> None:
    reviewer("review", "--no-model", cwd=changed.root)
    seen = visit(address, color_scheme=scheme, bypass_csp=True)
    assert Axe().run(seen.page).response["violations"] == []
    seen.page.get_by_role("link", name="staged changes").click()
    assert "return sum(values) / len(values)" in seen.page.locator("main").inner_text()
    seen.page.get_by_role("link", name="All reviews").click()
    assert seen.page.get_by_role("heading", name="Past reviews").is_visible()
    assert all(one.startswith(address) for one in seen.requests)
    assert seen.complaints == []


def test_follows_a_review_while_it_runs(
    changed: Repo, env: dict[str, str], address: str, visit: Callable[..., Visit]
) -> None:
    seen = visit(address)
    page: Any = seen.page
    assert page.get_by_text("No reviews yet").is_visible()
    assert not page.locator("#running").is_visible()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "review", "--no-summary"],
        cwd=changed.root, env={**os.environ, **env}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    page.locator("#running li", has_text="staged changes").wait_for()
    page.get_by_role("link", name="staged changes").wait_for()  # the list is loaded anew
    assert process.wait(timeout=60) == 0
    page.locator("#running").wait_for(state="hidden")
    page.get_by_role("link", name="staged changes").click()
    assert page.get_by_text("so that it divides by zero").is_visible()
    assert (seen.complaints, seen.violations) == ([], [])
