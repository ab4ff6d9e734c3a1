from __future__ import annotations

import random

import pytest

from reviewer.engine import tasks
from reviewer.engine.streamed_code import CodeStream

BEFORE = "import math\n\n\ndef area(r):\n    # of a circle\n"
AFTER = "\n\ndef volume(r):\n    return 4 / 3 * math.pi * r ** 3\n"
BODY = "    if r < 0:\n        raise ValueError(r)\n\n    return math.pi * r ** 2"
TASK = tasks.completion(BEFORE + AFTER, len(BEFORE), "python")
RAW = tasks.CompletionRequest(TASK, prompt="raw")
CHAT = tasks.CompletionRequest(TASK, messages=({"role": "user", "content": "x"},))
CONTINUED = tasks.CompletionRequest(TASK, messages=CHAT.messages, extra=tasks.PREFILLED)
REPLIES = [
    (RAW, BODY),
    (RAW, BODY + AFTER),
    (RAW, "def area(r):\n    # of a circle\n" + BODY),
    (RAW, BODY + "\n\n\n"),
    (RAW, "math.pi"),
    (RAW, ""),
    (CHAT, f"Here is the code:\n\n```python\n{BODY}\n```\nIt squares r.\n\nIt is short."),
    (CHAT, f"```\n{BEFORE}{BODY}\n{AFTER}\n```"),
    (CHAT, BODY),
    (CONTINUED, BODY),
    (CONTINUED, "\n" + BODY + AFTER + "\nprint(area(2))\n"),
]


def pieces(text: str, seed: int) -> list[str]:
    source, found = random.Random(seed), []
    while text:
        size = source.randint(1, 9)
        found.append(text[:size])
        text = text[size:]
    return found


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("request_", "reply"), REPLIES)
def test_the_lines_together_are_the_completion(request_: tasks.CompletionRequest, reply: str, seed: int) -> None:
    code = CodeStream(request_)
    assert "".join([*map(code.feed, pieces(reply, seed)), code.end()]) == request_.read(reply)


@pytest.mark.parametrize("request_", [RAW, CONTINUED])
def test_lines_come_before_the_end(request_: tasks.CompletionRequest) -> None:
    code = CodeStream(request_)
    given = [code.feed(line + "\n") for line in BODY.split("\n")]
    assert given[0] == "    if r < 0:"
    assert given[1] == "\n        raise ValueError(r)"


def test_an_introduction_is_not_handed_out() -> None:
    code = CodeStream(CHAT)
    assert [code.feed(piece) for piece in ("Here is\n", "the code:\n", "```python\n", "    return 1\n", "    x")] == [
        "", "", "", "    return 1", ""
    ]  # fmt: skip


def test_what_follows_a_fence_after_the_code_is_not_code() -> None:
    code = CodeStream(RAW)
    given = [code.feed(piece) for piece in ("    return 1\n", "```\n", "This returns one.\n")]
    assert "".join([*given, code.end()]) == "    return 1"
