"""Language detection: by name, by first line, and by the look of a text that has no name."""

from __future__ import annotations

import time

import pytest

from reviewer.languages import GENERIC, LANGUAGES, detect, guess

BY_PATH = [
    ("a.py", "python"),
    ("src/types.pyi", "python"),
    ("a.js", "javascript"),
    ("a.mjs", "javascript"),
    ("a.jsx", "javascript"),
    ("a.ts", "typescript"),
    ("types/a.d.ts", "typescript"),
    ("a.tsx", "tsx"),
    ("a_test.go", "go"),
    ("a.rs", "rust"),
    ("A.java", "java"),
    ("build.gradle.kts", "kotlin"),
    ("a.c", "c"),
    ("a.h", "c"),
    ("a.cc", "cpp"),
    ("a.hpp", "cpp"),
    ("A.cs", "csharp"),
    ("a.rb", "ruby"),
    ("Gemfile", "ruby"),
    ("a.php", "php"),
    ("a.swift", "swift"),
    ("a.sh", "shell"),
    (".bashrc", "shell"),
    ("a.sql", "sql"),
    ("a.html", "html"),
    ("a.scss", "css"),
    ("a.yml", "yaml"),
    ("Dockerfile", "dockerfile"),
    ("docker/Dockerfile.dev", "dockerfile"),
    ("api.Dockerfile", "dockerfile"),
    ("Containerfile", "dockerfile"),
    ("dockerfile.py", "python"),
    ("main.tf", "terraform"),
    ("README.md", "markdown"),
    ("UPPER.PY", "python"),
    ("with space/ä ö.py", "python"),
    ("Makefile", "generic"),
    ("data.json", "generic"),
    ("noext", "generic"),
    ("a.py/b", "generic"),
    ("", "generic"),
    (".py", "generic"),
]


@pytest.mark.parametrize(("path", "name"), BY_PATH)
def test_detects_by_path(path: str, name: str) -> None:
    assert detect(path).name == name


def test_every_language_is_detected_by_some_path() -> None:
    assert {name for _, name in BY_PATH} == set(LANGUAGES)


@pytest.mark.parametrize(
    ("first_line", "name"),
    [
        ("#!/bin/sh", "shell"),
        ("#!/usr/bin/env bash", "shell"),
        ("#! /usr/bin/env -S python3.11 -u", "python"),
        ("#!/usr/bin/env -S LANG=C ruby -w\r\n", "ruby"),
        ("#!/opt/pypy3/bin/pypy3", "python"),
        ("#!/usr/bin/python2", "python"),
        ("#!/usr/bin/env node", "javascript"),
        ("#!/usr/bin/env", "generic"),
        ("#!", "generic"),
        ("#!/usr/bin/tclsh", "generic"),
        ("\ufeff#!/bin/bash", "shell"),
        (" #!/bin/sh", "generic"),
    ],
)
def test_detects_by_first_line(first_line: str, name: str) -> None:
    assert detect("tool", first_line).name == name


def test_the_name_wins_over_the_first_line() -> None:
    assert detect("a.py", "#!/bin/sh").name == "python"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("#ifndef A_H\nint f(void);\n", "c"),
        ("struct a { int class_id; };\n", "c"),
        ("#pragma once\nnamespace a {\n", "cpp"),
        ("template <class T> T f();\n", "cpp"),
        ("void f(std::string s);\n", "cpp"),
        ("class A {\n public:\n};\n", "cpp"),
    ],
)
def test_a_header_is_what_it_holds(text: str, name: str) -> None:
    assert detect("include/a.h", text).name == name


def test_every_name_of_a_file_belongs_to_one_language() -> None:
    for attribute in ("extensions", "filenames", "shebangs"):
        names = [name for language in LANGUAGES.values() for name in getattr(language, attribute)]
        assert len(names) == len(set(names))
        assert all(name == name.lower() for name in names)


@pytest.mark.parametrize("name", sorted(set(LANGUAGES) - {"generic"}))
def test_every_language_has_comments(name: str) -> None:
    language = LANGUAGES[name]
    assert language.line_comment or language.block_comment


CODE = [
    ("def add(a, b):\n    return a + b", "python"),
    ("def add(a, b): return a + b", "python"),
    ("x = [1, 2]\nfor i in x:\n    print(i)", "python"),
    ("import os\n", "python"),
    ("Explain this:\n\nclass Stack(list):\n    pass", "python"),
    ("query = '''\nSELECT a FROM b\n'''\ndef run():\n    return db.execute(query)\nimport os", "python"),
    ("const add = (a, b) => a + b;", "javascript"),
    ("export default function App() {\n  return null;\n}", "javascript"),
    ("const x: number = 1;\nfunction f(a: string): void {}", "typescript"),
    ("interface User {\n  name: string;\n}\nconst u = { name: 'a' };", "typescript"),
    ("package main\n\nfunc main() {\n\tx := 1\n}", "go"),
    ("data, err := os.ReadFile(p)\nif err != nil {\n\treturn err\n}", "go"),
    ("fn main() {\n    let mut x = 1;\n}", "rust"),
    ("impl Stack {\n    pub fn pop(&mut self) -> u8 { 1 }\n}", "rust"),
    ("public class A {\n    public static void main(String[] args) {}\n}", "java"),
    ("fun main() {\n    val x = 1\n}", "kotlin"),
    ("data class A(val x: Int)", "kotlin"),
    ("#include <stdio.h>\nint main(void) {\n  return 0;\n}", "c"),
    ("#include <vector>\nint main() {\n  std::vector<int> a;\n}", "cpp"),
    ("using System;\nnamespace A;\npublic class B {}", "csharp"),
    ("require 'json'\n\ndef f(a)\n  puts a\nend", "ruby"),
    ("<?php\n$a = 1;\necho $a;", "php"),
    ("func add(_ a: Int, _ b: Int) -> Int {\n  a + b\n}", "swift"),
    ("guard let user = current else { return }", "swift"),
    ("#!/bin/sh\necho hi", "shell"),
    ('if [ -z "$1" ]; then\n  exit 1\nfi', "shell"),
    ("SELECT id FROM users WHERE age > 3;", "sql"),
    ("update users set name = 'x'", "sql"),
    ("CREATE TABLE a (\n  id int\n);", "sql"),
    ("<div>\n  <p>hi</p>\n</div>", "html"),
    (".a:hover { color: red; }", "css"),
    ("name: build\non: push\njobs:\n  a:\n    steps:\n      - uses: x/y@v1", "yaml"),
    ("FROM python:3.11\nRUN pip install x", "dockerfile"),
    ('resource "aws_s3_bucket" "b" {\n}', "terraform"),
    ("# Title\n\n- one\n- two", "markdown"),
    ("Fix this:\n```rs\nlet x = 1;\n```", "rust"),
    ("```c++\nint x;\n```", "cpp"),
    ("~~~ {.python}\nx\n~~~", "python"),
    ("```brainfuck\n+++\n```", "generic"),
]


@pytest.mark.parametrize(("text", "name"), CODE)
def test_guesses_code(text: str, name: str) -> None:
    language = guess(text)
    assert language is not None
    assert language.name == name


PROSE = [
    "",
    "   \n\n",
    "Hello",
    "Write a function that adds two numbers.",
    "Write a Python function that imports data from a file and returns a class.",
    "Please select the best option from the list where it is possible; then update the table.",
    "Explain what a closure is in JavaScript, and why let differs from var.",
    "If the test fails, try again: it is flaky.\nReturn to me when you are done.",
    "Dear team,\n\nwe will package the release on Friday. Import duties apply.\n\nBest\nAnna",
    "What does `git rebase -i` do?",
    "Why is my code slow? It loops for a long time and never returns.",
    "Class of 2024: congratulations!",
    "Use the following\n\n```\nno tag here\n```",
    "1. Open the door.\n2. Go in.",
    "Note: this is important.",
    "Run the tests. Copy the file. Add a note.",
    "From the start we knew; for all of us it was so.",
    "Let us go. Import nothing. While waiting: sleep.",
    "end",
    "日本語の文章です。",
]


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_no_code(text: str) -> None:
    assert guess(text) is None


def test_guessing_is_deterministic() -> None:
    for text, _ in CODE:
        assert len({language.name if (language := guess(text)) else None for _ in range(3)}) == 1


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "(" * 200_000, " " * 200_000, "`" * 200_000, "x = " * 50_000, "<a" * 90_000]
)
def test_guessing_ends(text: str) -> None:
    began = time.process_time()
    guess(text)
    detect("a.h", text)
    assert time.process_time() - began < 5


def test_generic_is_what_remains() -> None:
    assert LANGUAGES["generic"] is GENERIC
    assert GENERIC.grammar is None
