"""The site, the manual page and the picture are made from the code; runnable blocks of the documents run."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from docs.tools import build, man, picture
from docs.tools.commands import blocks, pages
from docs.tools.reference import PROJECT
from reviewer import cli
from reviewer.config import OPTIONS

if TYPE_CHECKING:
    from pathlib import Path

# Attributes and style sheets with which a page loads something; links that a reader follows are not among them.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video|embed)\b[^>]*\bsrc=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b[^>]*\bhref=["']?((?:https?:)?//[^"'\s>]+)|(?:url\(|@import\s)["']?((?:https?:)?//[^"')\s]+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    target = tmp_path_factory.mktemp("site") / "site"
    build.build(target)
    return target


@pytest.mark.xdist_group("site")
def test_the_site_has_every_document_and_loads_nothing_from_elsewhere(site: Path) -> None:
    for path in (PROJECT / "docs").rglob("*.md"):
        assert (site / path.relative_to(PROJECT / "docs")).with_suffix(".html").is_file(), path
    loading = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".svg")]
    texts = {path: path.read_text(encoding="utf-8") for path in loading}
    assert len(texts) > 30
    assert {path.name: found.groups() for path, text in texts.items() if (found := _LOADED.search(text))} == {}


@pytest.mark.xdist_group("site")
def test_the_site_has_every_setting_command_and_rule(site: Path) -> None:
    settings, commands = (_words(site / name) for name in ("settings.html", "commands.html"))
    assert [option.key for option in OPTIONS if option.variable not in settings] == []
    assert [verb for verb in cli.VERBS if f"reviewer {verb}" not in commands and verb != "completion"] == []
    for rule in (PROJECT / "rules").glob("*/*.yml"):
        assert rule.stem in _words(site / "rules" / f"{rule.parent.name}.html"), rule


def _words(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_a_broken_link_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def collect(folder: Path) -> None:
        folder.mkdir()
        (folder / "index.md").write_text("# Start\n\n[nowhere](missing.md)\n", encoding="utf-8")

    monkeypatch.setattr(build, "collect", collect)
    with pytest.raises(SystemExit, match="strict"):
        build.build(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_page_that_the_navigation_does_not_name_is_listed(tmp_path: Path) -> None:
    for name in ("index.md", "new.md"):
        (tmp_path / name).write_text("# A page\n", encoding="utf-8")
    text = build.configuration(tmp_path)
    assert "new.md" in text
    assert "engine.md" not in text


def test_help_is_split_as_click_splits_it() -> None:
    assert [(one.text, one.verbatim) for one in blocks("One\ntwo.\n\n\b\nA:\n  b\n")] == [
        ("One two.", False),
        ("A:\n  b", True),
    ]


def test_the_manual_page_is_that_of_the_commands() -> None:
    assert man.TARGET.read_text(encoding="utf-8") == man.manual(), "run: python -m docs.tools.man"


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_the_manual_page_renders_without_warnings() -> None:
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", str(man.TARGET)],
        capture_output=True,
        text=True,
        check=False,
        env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
    for page in pages():
        assert page.path in shown, page.path
    assert "\\" not in shown.replace("\\-", "")


def test_the_picture_shows_the_text() -> None:
    drawn = (picture.FOLDER / "review.svg").read_text(encoding="utf-8")
    shown = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<style>.*?</style>", "", drawn, flags=re.DOTALL)))
    text = (picture.FOLDER / "review.txt").read_text(encoding="utf-8")
    assert "".join(text.split()) in "".join(shown.split())


_RUNNABLE = re.compile(r"^```sh runnable\n(.*?)^```", re.DOTALL | re.MULTILINE)


def _runnable() -> list[str]:
    documents = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    return [block for path in documents for block in _RUNNABLE.findall(path.read_text(encoding="utf-8"))]


@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize("block", _runnable())
def test_runnable_blocks_run(block: str, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "reviewer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m reviewer "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", f'PATH="{program.parent}:$PATH"\n{block}'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
