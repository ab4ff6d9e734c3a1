from __future__ import annotations

import re

from reviewer.report.patch import render

PATCH = (
    "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n context\r\n \n-old \x1b[2J\n"
    "+password = 'c0rrect-horse!9'\n"
    "---- a line that begins with dashes\n::error::pwned\n"
    "diff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -1,1 +1,1 @@\n-a\n+b\udce9\n\\ No newline at end of file\n"
)


def test_secrets_and_controls_are_not_shown() -> None:
    text = render(PATCH, color=False)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\n context\n \n-old <U+001B>[2J" in text
    assert "+password = 'c0rr\u2026'" in text
    assert "\n: :error::pwned" in text
    assert text.endswith("+b\ufffd\n\\ No newline at end of file")


def test_headings_are_no_removed_lines() -> None:
    text = render(PATCH, color=True)
    assert "\x1b[1m--- a/x" in text
    assert "\x1b[1m+++ b/y" in text
    assert "\x1b[31m---- a line that begins with dashes" in text
    assert "\x1b[36m@@ -1,4 +1,4 @@" in text
    assert re.sub(r"\x1b\[\d*m", "", text) == render(PATCH, color=False)
