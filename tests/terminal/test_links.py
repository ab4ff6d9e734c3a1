from __future__ import annotations

from pathlib import Path

import pytest

from reviewer.terminal import links

ROOT = Path("/home/me/a project")


@pytest.mark.parametrize(
    ("environment", "supported"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4602"}, False),
        ({"VTE_VERSION": "²"}, False),
        ({"KONSOLE_VERSION": "230804"}, True),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"WT_SESSION": "1"}, True),
        ({"FORCE_HYPERLINK": "1"}, True),
        ({"FORCE_HYPERLINK": "0", "TERM": "xterm-kitty"}, False),
    ],
)
def test_known_terminals(environment: dict[str, str], supported: bool) -> None:
    assert links.supported(environment) is supported


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="absolute paths of POSIX")
@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("src/a.py", "file:///home/me/a%20project/src/a.py"),
        ("gr\u00f6\u00dfe;\\.py", "file:///home/me/a%20project/gr%C3%B6%C3%9Fe%3B%5C.py"),
        ("a#b?c%d.py", "file:///home/me/a%20project/a%23b%3Fc%25d.py"),
        ("../other/a.py", ""),
        ("a/../../b.py", ""),
        ("/etc/passwd", ""),
        ("na<U+202E>me.py", ""),
        ("caf\ufffd.py", ""),
    ],
)
def test_a_link_leads_to_a_file_of_the_working_tree_or_is_left_out(path: str, url: str) -> None:
    assert links.url(ROOT, path) == url


def test_links_can_be_removed() -> None:
    assert links.without("\x1b]8;id=1;file:///a\x1b\\\x1b[1ma:1\x1b[0m\x1b]8;;\x1b\\ b") == "\x1b[1ma:1\x1b[0m b"
