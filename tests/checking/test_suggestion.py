from __future__ import annotations

import pytest

from reviewer.checking.suggestion import apply, check, fitted, line_fix
from reviewer.finding import Mark, Suggestion

TEXT = "def average(values):\n    total = sum(values)\n    return total / len(values)\n"


def test_a_line_fix_takes_the_lines_indentation() -> None:
    fix = line_fix(TEXT, 3, "return total / len(values) if values else 0")
    assert fix.replacement == "    return total / len(values) if values else 0"
    assert check(fix, TEXT, "python").shown
    assert apply(TEXT, fix) == TEXT.replace("len(values)\n", "len(values) if values else 0\n")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ending", [True, False])
def test_line_endings_stay(newline: str, ending: bool) -> None:
    text = f"a = 1{newline}b = 2" + (newline if ending else "")
    fix = line_fix(text, 2, "b = 3")
    assert apply(text, fix) == text.replace("2", "3")
    assert fix.original == "b = 2"


def test_a_last_line_without_an_ending_takes_the_files() -> None:
    assert apply("a = 1\r\nb = 2", line_fix("a = 1\r\nb = 2", 2, "b = 3\nc = 4")) == "a = 1\r\nb = 3\r\nc = 4"


def test_the_models_line_endings_do_not_count() -> None:
    assert apply("a = 1\n", line_fix("a = 1\n", 1, "a = 2\r\nb = 3")) == "a = 2\nb = 3\n"
    assert apply("a = 1\r\n", line_fix("a = 1\r\n", 1, "a = 2\r\nb = 3")) == "a = 2\r\nb = 3\r\n"
    assert fitted("x = 1\r\ny = 2", "  pass", "") == "  x = 1\n  y = 2"


@pytest.mark.parametrize("given", ["a = 2", "\ufeffa = 2"])
def test_a_byte_order_mark_stays(given: str) -> None:
    text = "\ufeffa = 1\nb = 1\n"
    fix = check(line_fix(text, 1, given), text, "python")
    assert fix.shown
    assert apply(text, fix) == "\ufeffa = 2\nb = 1\n"


def test_only_line_feeds_split_lines() -> None:
    text = "a = '\x0c\u2028'\nb = 2\n"
    assert apply(text, line_fix(text, 2, "b = 3")) == "a = '\x0c\u2028'\nb = 3\n"


@pytest.mark.parametrize(
    ("line", "replacement", "mark"),
    [
        (3, "return total / (len(values)", Mark.DOES_NOT_PARSE),
        (3, "return total / len(values)", Mark.NO_CHANGE),
        (3, "return total/len(values)", Mark.NO_CHANGE),
        (9, "return 0", Mark.DOES_NOT_APPLY),
        (0, "return 0", Mark.DOES_NOT_APPLY),
    ],
)
def test_a_bad_suggestion_is_marked_not_dropped(line: int, replacement: str, mark: Mark) -> None:
    checked = check(line_fix(TEXT, line, replacement), TEXT, "python")
    assert checked.marks == {mark}
    assert checked.replacement


def test_a_suggestion_for_other_text_does_not_apply() -> None:
    assert apply(TEXT, Suggestion(2, 2, "x", original="    something else")) is None


def test_an_empty_replacement_deletes_the_lines() -> None:
    assert apply("a\nb\nc\n", Suggestion(2, 2, "", original="b")) == "a\nc\n"


def test_further_lines_are_indented_as_the_file_is() -> None:
    text = "void f() {\n\tg();\n\tif (x) {\n\t\th();\n\t}\n}\n"
    fix = line_fix(text, 2, "if (y) {\n    g();\n}")
    assert fix.replacement == "\tif (y) {\n\t\tg();\n\t}"
    assert check(fix, text, "c").shown
    python = "class A:\n  def f(self):\n    pass\n\n  def g(self):\n    return 1\n"
    assert fitted("if x:\n    return 1\nreturn 2", "    pass", python) == "    if x:\n      return 1\n    return 2"
