from __future__ import annotations

import pytest

from reviewer.config import Settings
from reviewer.selection import select
from reviewer.selection.evident import says_itself, without_preamble
from reviewer.selection.source import from_patch


def _said(path: str, body: str) -> bool:
    old = sum(line[0] in " -" for line in body.split("\n"))
    new = sum(line[0] in " +" for line in body.split("\n"))
    patch = f"--- a/{path}\n+++ b/{path}\n@@ -1,{old} +1,{new} @@\n{body}\n"
    (unit,) = select(from_patch(patch.encode(), "a change"), Settings()).units
    return says_itself(unit)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("README.md", "-Old words.\n+New words."),
        ("a.py", " x = 1\n+# why\n+\n y = 2"),
        ("a.c", "-/* old */\n+/* new\n+ * words\n+ */\n int x;"),
        ("a.go", "-// old\n x := 1\n+// old\n y := 2"),
        ("pyproject.toml", '-version = "1.2.3"\n+version = "1.3.0rc1"'),
        ("ci.yml", "-  uses: actions/checkout@v4\n+  uses: actions/checkout@v5"),
        ("a.py", "-x = f()\n+x = f()  # why"),
        ("a.c", "-#ifndef HAVE_POLL\n+#ifndef HAVE_POLL  /* use select() */\n int x;"),
        ("main.go", '-var version = "0.72"\n+var version = "0.73"'),
        ("requirements.in", "-requests>=2.31\n+requests>=2.32"),
        ("a.py", "+import os\n+from a.b import (c, d)\n x = 1"),
        ("a.kt", " import a.B\n+import a.C\n-import d.*"),
        ("a.ts", "-import { a } from './b'\n+import { a, type C } from './b'"),
        ("A.java", "-import a.B;\n+import static a.C.d;"),
        ("a.rs", "-use a::{B, C};\n+use a::{B, C, D};"),
        ("a.c", "+#include <stdio.h>\n int x;"),
        ("A.cs", "-using System.Linq;\n+using System.Text;"),
        ("a.php", "+use App\\Models\\User;\n $x = 1;"),
        ("a.c", "-  if(x)\n-    f(a,\n-      b);\n+    if (x)\n+        f(a, b);"),
    ],
)
def test_prose_comments_and_versions_say_it_themselves(path: str, body: str) -> None:
    assert _said(path, body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("a.py", "-limit = 10\n+limit = 20"),
        ("a.py", "-x = f('# a')\n+x = f('# b')"),
        ("a.py", "-x = f()  # why\n+x = g()  # why"),
        ("a.sh", "-#!/bin/sh\n+#!/bin/bash"),
        ("a.c", "-x = *p;\n+*p = x;"),
        ("a.py", "-first()\n second()\n+first()"),
        ("a.toml", '-a = "1.2"\n+b = "1.3"'),
        ("a.py", "-    timeout = 0.01\n+    timeout = 0.001"),
        ("a.php", "-    use Clock;\n+    use Clock, Macroable;"),
        ("a.ts", "+import './polyfill'\n let x = 1"),
        ("a.py", "-    f()\n+f()\n x = 1"),
        ("a.js", "-first()\n second()\n+first()"),
        ("a.js", "-  return x\n+  return\n+  x"),
        ("a.py", "+import os; os.remove(x)"),
        ("a.c", '-f("a b");\n+f("ab");\n int x;'),
    ],
)
def test_a_change_of_behaviour_does_not(path: str, body: str) -> None:
    assert not _said(path, body)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("+# Copyright\n+\n+import os\n+\n+def f():\n+    # why\n+    return os", 3),
        ("+# Copyright\n+package a.b;\n+import os\n+namespace A\\B {\n+class C {}", 1),
        ("+# Copyright\n+import os", 2),
        (" # Copyright\n+import os\n+x = 1", 3),
    ],
)
def test_a_new_file_is_explained_without_its_licence_and_imports(body: str, kept: int) -> None:
    old, new = (sum(line[0] in signs for line in body.split("\n")) for signs in (" -", " +"))
    patch = f"--- a/a.py\n+++ b/a.py\n@@ -{min(old, 1)},{old} +1,{new} @@\n{body}\n"
    (unit,) = select(from_patch(patch.encode(), "a change"), Settings()).units
    assert without_preamble(unit) == unit.lines[-kept:]
