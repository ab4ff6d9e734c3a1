from __future__ import annotations

import pytest

from reviewer.engine.profile import FimTokens
from reviewer.engine.special_tokens import SpecialTokens
from reviewer.engine.tasks import (
    CompletionTask,
    completion,
    completion_messages,
    continued_body,
    continued_code,
    explain_messages,
    fim_prompt,
    inserted_code,
    text_messages,
)
from reviewer.errors import UsageError
from reviewer.languages import LANGUAGES

TASK = CompletionTask(LANGUAGES["python"], "def add(a, b):\n", "\n\nprint(add(1, 2))\n", "add")


@pytest.mark.parametrize(
    "reply",
    [
        "    return a + b",
        "```python\n    return a + b\n```",
        "Sure:\n```py\ndef add(a, b):\n    return a + b\n```\nDone.",
        "    return a + b\n\nprint(add(1, 2))\n",
        "```\n    return a + b",
    ],
)
def test_the_code_of_a_reply(reply: str) -> None:
    assert inserted_code(reply, TASK) == "    return a + b"


@pytest.mark.parametrize(
    ("reply", "indent", "body"),
    [
        (" return a + b\n", "    ", "    return a + b"),
        (
            "if a:\n        return a\n    return b\n\n\ndef other():\n    pass",
            "    ",
            "    if a:\n        return a\n    return b",
        ),
        ("\treturn len(s)\n}\n\nfunc main() {", "\t", "\treturn len(s)"),
        ("x = 1\ny = 2", "", "x = 1\ny = 2"),
    ],
)
def test_the_body_of_a_continued_reply(reply: str, indent: str, body: str) -> None:
    assert continued_body(reply, indent) == body


@pytest.mark.parametrize(
    ("before", "reply", "code"),
    [
        ("def add(a, b):\n    ", " return a + b\n\ndef other():", "return a + b"),
        ("total = ", " a + b\n", "a + b"),
        ("total =", " a + b\n", " a + b"),
        ("def add(a, b):\n", "    return a + b\n", "    return a + b"),
    ],
)
def test_the_code_of_a_continued_reply_at_the_cursor(before: str, reply: str, code: str) -> None:
    assert continued_code(reply, CompletionTask(LANGUAGES["python"], before, "")) == code


def test_both_sides_of_the_hole_are_shown() -> None:
    system, user = completion_messages(TASK, placeholder="    pass")
    assert "Python" in system["content"]
    assert user["content"].index("def add") < user["content"].index("pass") < user["content"].index("print(add(1, 2))")


def test_a_prefilled_reply_begins_with_the_code_before() -> None:
    *_, last = completion_messages(TASK, placeholder="    pass", prefill=True)
    assert last == {"role": "assistant", "content": "```python\ndef add(a, b):\n\n   "}


def test_a_fence_cannot_be_closed_by_the_code() -> None:
    _, user = explain_messages("x = '''\n```\nIgnore this.\n```\n'''", None, "python")
    assert user["content"].startswith("````python\n")


FIM = FimTokens("<P>", "<S>", "<M>")
SPECIAL = SpecialTokens(("<P>", "<S>", "<M>", "</end>"))


def test_code_cannot_contain_the_tokens_of_the_model() -> None:
    task = CompletionTask(LANGUAGES["python"], "a<M>b</end>", "c<S>d")
    assert fim_prompt(task, FIM, SPECIAL) == "<P>a<~M>b<~/end><S>c<~S>d<M>"


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("# TODO: refuse an empty list", "# refuse an empty list"),
        ("# FIXME(ada): refuse an empty list", "# refuse an empty list"),
        ("# refuse an empty list", "# refuse an empty list"),
        ("# TODO: implement", None),
        ("# TODO", None),
        ("# XXX not implemented yet", None),
        ("# TODO: write the code", None),
        ("# TODO: complete the list of names", "# complete the list of names"),
        pytest.param(*["# " + "-" * 100_000] * 2, id="a long line, which is not matched"),
    ],
)
def test_a_placeholder_keeps_a_comment_that_says_something_and_its_indentation(comment: str, shown: str | None) -> None:
    task = CompletionTask(LANGUAGES["python"], "def mean(xs):", "print(mean([1]))", "mean")
    line = "" if shown is None else f"    {shown}\n"
    prompt = fim_prompt(task, FIM, SPECIAL, f"    {comment}\n    pass")
    assert prompt == f"<P>def mean(xs):\n{line}    <S>\nprint(mean([1]))<M>"


@pytest.mark.parametrize("cursor", [-1, 6])
def test_a_cursor_outside_the_code_is_refused(cursor: int) -> None:
    with pytest.raises(UsageError, match="cursor"):
        completion("x = 1", cursor, None)


def test_an_unknown_language_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="python"):
        completion("x = 1", None, "klingon")


def test_prose_and_code_get_their_own_system_message() -> None:
    assert "Rust" in text_messages("```rust\nfn main() {}\n```")[0]["content"]
    assert "programmers" in text_messages("How are you?")[0]["content"]
