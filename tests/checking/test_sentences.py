# ruff: noqa: RUF001 - messages in other scripts
from __future__ import annotations

import pytest

from reviewer.checking.sentences import copies, is_echo, is_nit, says_nothing, telling, whole, without_filler


@pytest.mark.parametrize(
    "message",
    [
        "This line is too long.",
        "The line exceeds 80 characters.",
        "Trailing whitespace.",
        "The function has no docstring.",
        "Consider adding a comment here.",
        "The method should have type annotations.",
        "Missing type hints on the parameters.",
        "Variable names should be more descriptive.",
        "Function names use snake_case in Python.",
        "Unused import os.",
        "Imports should be sorted.",
        "Use double quotes for strings.",
        "60 is a magic number.",
        "No newline at end of file.",
    ],
)
def test_form_alone_is_a_nit(message: str) -> None:
    assert is_nit(message)


@pytest.mark.parametrize(
    "message",
    [
        "Divides by zero when values is empty.",
        "The name shadows the built-in list, so the call below fails.",
        "The key is camelCase here and snake_case in the schema, so the lookup returns None.",
        "An unused variable: the error of close() is ignored.",
        "Formatting a naive datetime gives the wrong day near midnight.",
        "A missing comma joins both strings, so the second host is never tried.",
        "The quote of the argument is not escaped.",
        "",
    ],
)
def test_a_consequence_makes_it_a_defect(message: str) -> None:
    assert not is_nit(message)


CODE = ("def average(values):", "    total = sum_all(values)", "    return total / len(values)")


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("", True),
        ("Bug.", True),
        ("return total / len(values)", True),
        ("`return total / len(values)`", True),
        ("It is a list of a list of a list of a list of values.", True),
        ("The divisor can be zero.", False),
    ],
)
def test_a_copied_line_says_nothing(sentence: str, expected: bool) -> None:
    assert says_nothing(sentence, CODE) is expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The ferry timetable loses its last departure.", True),
        ("Here the ferry timetable loses its last departure.", True),
        ("The loop loses its last element.", False),
        ("Loses.", False),
    ],
)
def test_the_prompts_own_example_is_recognized(sentence: str, expected: bool) -> None:
    assert is_echo(sentence, ["The ferry timetable loses its last departure."]) is expected


@pytest.mark.parametrize(
    "sentence",
    ["除数为零。", "b가 0이면 나눗셈이 실패합니다.", "ゼロで割る。", "Деление на ноль.", "القسمة على صفر", "หารด้วยศูนย์"],
)
def test_words_are_counted_in_every_script(sentence: str) -> None:
    assert not says_nothing(sentence, CODE)


@pytest.mark.parametrize("sentence", ["。", "零", "问题可能会出现问题可能会出现问题可能会出现", "ошибка"])
def test_nothing_is_said_in_other_scripts_either(sentence: str) -> None:
    assert says_nothing(sentence, CODE)


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("One. Two.", 9, "One. Two."),
        ("One. Two is cu", 14, "One."),
        ("One is cu", 9, ""),
        ("One\n  two.", 300, "One two."),
        ("", 300, ""),
        # Shorter than it could be, so nothing was cut.
        ("Division by zero when b is 0", 300, "Division by zero when b is 0"),
        # Shorter, but it ends where no sentence does.
        ("One. Two and the", 300, "One."),
        ("Fails because", 300, ""),
        ("It fails, e.g. when a is emp", 28, ""),
        ("It is 3.5 times slower and th", 29, ""),
        *(
            (f"{one} {one}", 2 * len(one) + 1, f"{one} {one}")
            for one in ("除数为零。", "शून्य से भाग।", "هل هو صفر؟", "是吗？")
        ),
        ("除数为零。结果被忽", 9, "除数为零。"),
        ("(See above.)", 12, "(See above.)"),
    ],
)
def test_a_cut_sentence_is_not_shown_as_whole(text: str, most: int, expected: str) -> None:
    assert whole(text, most) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This change is important because it prevents a crash.", "It prevents a crash."),
        ("Adds a guard. This is necessary since b can be 0.", "Adds a guard. b can be 0."),
        ("Note that the total can be 0.", "The total can be 0."),
        ("Overall, the sum is returned.", "The sum is returned."),
        ("It is important to note that x is None.", "x is None."),
        ("This change is as small as it can be.", "This change is as small as it can be."),
        ("This change is important because", "This change is important because"),
        ("The change matters because b can be 0.", "b can be 0."),
    ],
)
def test_filler_is_dropped(text: str, expected: str) -> None:
    assert without_filler(text) == expected


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "Returns 0 for no items. The reviewer must know that the callers divide by it.",
            "Returns 0 for no items. The callers divide by it.",
        ),
        ("Returns 0 for no items. This change is important.", "Returns 0 for no items."),
        ("Returns 0. Reviewers should ensure that all callers are updated.", "Returns 0."),
        ("Returns 0. This change improves the readability of the code.", "Returns 0."),
        ("The reviewer must check every caller.", ""),
        ("Users must log in again after the restart.", "Users must log in again after the restart."),
    ],
)
def test_talk_to_the_reviewer_is_left_out(text: str, left: str) -> None:
    assert " ".join(telling(without_filler(text))) == left


def test_a_sentence_that_copies_a_comment() -> None:
    comment = "# This definition is only provided to get a more accurate # return type for type checkers."
    assert copies("The definition is only provided to get a more accurate return type for type checkers.", comment)
    assert not copies("Gives type checkers a more accurate return type.", comment)
    assert not copies("Adds x.", comment)
