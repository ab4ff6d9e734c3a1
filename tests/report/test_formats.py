"""Every format renders the same reviews; ``UPDATE_GOLDEN=1`` writes the golden files anew, for a human to read."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reviewer.report import FORMATS, RenderOptions
from tests.report.samples import SAMPLES

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {
    "text": "txt",
    "markdown": "md",
    "json": "json",
    "github": "github",
    "azure": "azure",
    "gitlab": "gitlab.json",
    "sarif": "sarif",
    "rdjson": "rdjson",
    "rdjsonl": "rdjsonl",
    "checkstyle": "checkstyle.xml",
    "junit": "junit.xml",
    "lines": "lines",
    "agent": "agent",
    "html": "html",
}
PEOPLE = ("text", "markdown", "json", "github")  # these have a golden file for every review, the others for some
CHOSEN = ("clean", "findings", "proven", "marked", "folded", "unread", "hostile", "secrets", "nothing")
# JSON lists every hidden finding, SARIF those that the user suppressed.
HIDDEN_IN = [("json", "marked"), ("json", "folded"), ("sarif", "marked")]
GOLDEN_CASES = [(form, name) for form in FORMATS for name in SAMPLES if form in PEOPLE or name in CHOSEN]


def golden(path: Path, text: str) -> str:
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return path.read_bytes().decode()


def without_assets(page: str) -> str:
    """A page without what is the same in all of them: its style, its script, their hashes, the icon, the version."""
    page = re.sub(r"(?s)(<style>).*?(</style>)|(<script>).*?(</script>)", r"\1\2\3\4", page)
    page = re.sub(r"sha256-[\w+/=]+", "sha256-…", page)
    page = re.sub(r"base64,[\w+/=]+", "base64,…", page)
    return re.sub(r"(<footer>vllm-reviewer )[^<]+", r"\1…", page)


@pytest.mark.parametrize(("format_name", "name"), GOLDEN_CASES)
def test_golden(format_name: str, name: str) -> None:
    review, options = SAMPLES[name]
    text = FORMATS[format_name](review, options)
    if format_name == "html":
        text = without_assets(text)
    if format_name in ("json", "sarif"):
        text = re.sub(r'(?<=ersion": )"0[^"]+"', '"0"', text)
    assert text == golden(GOLDEN / f"{name}.{SUFFIXES[format_name]}", text)


@pytest.mark.parametrize("name", ["findings", "hostile", "proven", "summary", "unread"])
def test_golden_in_colour(name: str) -> None:
    review, options = SAMPLES[name]
    text = FORMATS["text"](review, dataclasses.replace(options, color=True))
    assert text == golden(GOLDEN / f"{name}.ansi", text)


@pytest.mark.parametrize("name", ["findings", "non-ascii", "long"])
def test_golden_in_ascii(name: str) -> None:
    review, options = SAMPLES[name]
    text = FORMATS["text"](review, dataclasses.replace(options, ascii=True))
    assert text == golden(GOLDEN / f"{name}.ascii.txt", text)


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{name}.{SUFFIXES[form]}" for form, name in GOLDEN_CASES}
    expected |= {"findings.ansi", "proven.ansi", "hostile.ansi", "summary.ansi", "unread.ansi"}
    expected |= {"findings.ascii.txt", "non-ascii.ascii.txt", "long.ascii.txt"}
    assert {path.name for path in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_hidden_or_secret_gets_out(format_name: str, name: str) -> None:
    review, options = SAMPLES[name]
    text = FORMATS[format_name](review, options)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert "aB3dE5gH7jK9" not in text
    assert "c0rrect-horse" not in text
    assert "tr0ub4dor" not in text
    assert "walnut-7" not in text
    assert "##vso[" not in re.sub(r"^##vso\[task\.logissue ", "", text, flags=re.MULTILINE)
    assert "##[" not in text or format_name == "markdown"  # code is unchanged there; see output.say
    assert ("SECRETLY MARKED" in text) == ((format_name, name) in HIDDEN_IN)


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_was_not_read_is_said(format_name: str) -> None:
    review, options = SAMPLES["unread"]
    text = FORMATS[format_name](review, options)
    for unit in review.not_read:
        assert unit.path in text
        assert unit.reason in text


def test_a_clean_review_needs_no_rich_console() -> None:
    code = (
        "import sys\nfrom reviewer.report import FORMATS\nfrom tests.report.samples import SAMPLES\n"
        "print(FORMATS['text'](*SAMPLES['clean']))\nassert 'rich.console' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    shown = subprocess.check_output([sys.executable, "-X", "utf8", "-c", code], cwd=root, text=True, encoding="utf-8")
    assert shown.strip() == "reviewer  2 hunks in 1 file: nothing found · 0.2 s (all from cache)"


def test_options_are_keyword_only() -> None:
    with pytest.raises(TypeError):
        RenderOptions(100)  # type: ignore[misc]
