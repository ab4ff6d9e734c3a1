# ruff: noqa: RUF001 - messages in other scripts
from __future__ import annotations

import dataclasses
import time

import pytest

from reviewer.checking.claims import is_quote
from reviewer.checking.direction import contradicts
from reviewer.checking.grounding import Source, is_ungrounded
from reviewer.checking.indentation import adapt
from reviewer.checking.sentences import is_echo, is_nit, says_nothing, whole, without_filler
from reviewer.diff import LineKind, SourceLine, restore

SOURCE = Source(
    path="src/stats.py",
    text="src/stats.py\ndef average(values):\n    total = sum_all(values)\n    return total / len(values)",
    lines=frozenset(range(8, 14)),
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The guard for an empty list is gone, so the division fails when values is empty.",
        "`average` raises ZeroDivisionError when `values` is empty.",
        "sum_all() is called with values before it is checked.",
        "Use `contextlib.suppress` around `sum_all` here.",
        "See line 12: the value can be zero.",
        "In stats.py the divisor can be zero.",
        "Lines 8 to 10 can divide by a total of zero.",
        "Unlike JavaScript, Python raises for an empty list of values.",
        "Returns None instead of the total.",
    ],
)
def test_a_sentence_about_the_unit_is_grounded(sentence: str) -> None:
    assert not is_ungrounded(sentence, SOURCE)


@pytest.mark.parametrize(
    "sentence",
    [
        "`load_config` swallows every exception.",
        "load_config() swallows every exception.",
        "The parseUserInput function does not escape its argument.",
        "The HttpClient is never closed, and fooBar leaks.",
        "See line 99: the divisor can be zero.",
        "Lines 8 to 99 are wrong.",
        "The helper in config/loader.py is not imported.",
        "os.path.join is called with untrusted input.",
        "I am going to make you happy today!",
        "A bug has been reported.",
    ],
)
def test_a_sentence_about_something_else_is_caught(sentence: str) -> None:
    assert is_ungrounded(sentence, SOURCE)


BESIDE = dataclasses.replace(SOURCE, around="util/sums.py sum_all\ndef sum_all(numbers, *, start=0):\n    return start")


@pytest.mark.parametrize(
    ("sentence", "alone", "beside"),
    [
        # What was shown beside the unit may be named.
        ("`sum_all` returns `start`, so the total is wrong, whatever `numbers` holds.", True, False),
        ("The total ignores `numbers`.", True, False),
        ("In util/sums.py the total stays at its start.", True, False),
        # What was shown nowhere may not, and a sentence has to be about the unit all the same.
        ("`load_config` swallows every exception.", True, True),
        ("The helper in config/loader.py is not imported.", True, True),
        ("A number starts.", True, True),
    ],
)
def test_what_stands_beside_the_unit_may_be_named(sentence: str, alone: bool, beside: bool) -> None:
    assert is_ungrounded(sentence, SOURCE) is alone
    assert is_ungrounded(sentence, BESIDE) is beside


def source(code: str, path: str = "m.py") -> Source:
    return Source(path, f"{path}\n\n{code}", frozenset({1, 2}))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("return a / b", "Division by zero if b is 0."),
        ("return a / b", "Division by zero."),
        ("return a / b", "Fails if `b` is 0."),
        ("return a % n", "The modulus can be zero."),
        ("if i <= n:", "Off-by-one: this must be `<`."),
        ("if i <= n:", "Should use < instead of the other sign."),
        ("x = y == 1", "Compares floats for equality."),
        ("t = 86400 * d", "Wrong for 86400 when clocks change."),
        ("return xs[0]", "Index out of range."),
        ("*p = 3;", "Null pointer dereference."),
        ("if (a = b)", "Assignment instead of a comparison."),
        ("y = x >> 3", "Shifts too far."),
        ("a, b = b, a", "It doesn't swap a and b."),
        # German, Chinese, Japanese, Russian, Korean, Arabic, French, Spanish, Turkish, Thai, Hindi, Greek, Hebrew
        ("return a / b", "Division durch null, wenn b gleich 0 ist."),
        ("return a / b", "Der Nenner wird nicht auf null geprüft."),
        ("return a / b", "Kann fehlschlagen, wenn der Nenner leer ist."),
        ("return a / b", "当b为0时会除以零。"),
        ("return a / b", "没有检查除数是否为零。"),
        ("return a / b", "bが0の場合、ゼロ除算になります。"),
        ("return a / b", "除数がゼロかどうか確認していません。"),
        ("return a / b", "Деление на ноль, если делитель равен нулю."),
        ("return a / b", "b가 0이면 0으로 나누기 오류가 발생합니다."),
        ("return a / b", "القسمة على صفر إذا كان المقام صفرًا."),
        ("p->x = 3;", "Potentielle Nullzeiger-Dereferenzierung."),
        ("return a / b", "Une division par zéro est possible lorsque le diviseur est nul."),
        ("return a / b", "El divisor puede ser cero."),
        ("return a / b", "Bölen sıfır olabilir."),
        ("return a / b", "หารด้วยศูนย์ได้"),
        ("return a / b", "शून्य से भाग हो सकता है।"),
        ("return a / b", "Διαίρεση με το μηδέν."),
        ("return a / b", "חלוקה באפס אפשרית."),
        ("größe = 1 / höhe", "Divides by zero when höhe is 0."),
        ("сумма = a / n", "`сумма` is infinite when `n` is 0."),
        ("总数 = a / n", "`总数` 会溢出。"),
    ],
)
def test_short_names_operators_and_every_language_are_grounded(code: str, sentence: str) -> None:
    assert not is_ungrounded(sentence, source(code))


@pytest.mark.parametrize(
    "sentence",
    [
        "函数load_config泄漏内存。",
        "`load_config`は例外を無視します。",
        "Die Funktion load_config verschluckt Ausnahmen.",
        "Функция parseUserInput не экранирует ввод.",
        "config/loader.py 파일을 가져오지 않습니다.",
        "It isn't what they'd want; that's all.",
        "The loop never terminates.",
        "Missing error handling.",
        "Possible memory leak.",
    ],
)
def test_names_of_other_code_are_found_in_every_language(sentence: str) -> None:
    assert is_ungrounded(sentence, source("return a / s"))


@pytest.mark.parametrize(
    "char", [".", "/", "_", "-", "a", "A", "aB", "a.", "`", "0", "é", "漢", "( ", "lines 1 ", "=", "\u0600"]
)
def test_a_long_reply_or_line_takes_no_time(char: str) -> None:
    text = (char * 150_000)[:150_000]
    began = time.process_time()
    for sentence, code in ((text, "return a / b"), ("The sum is wrong.", text), (text, text)):
        here = source(code)
        is_ungrounded(sentence, here)
        says_nothing(sentence, here.code_lines)
        is_echo(sentence, [sentence[:400]])
        is_nit(sentence)
        without_filler(whole(sentence, 300))
        contradicts(sentence, [SourceLine(LineKind.ADDED, code, None, 1)])
        is_quote(sentence, code)
        restore(sentence, code)
        adapt(sentence, code)
    assert time.process_time() - began < 5
