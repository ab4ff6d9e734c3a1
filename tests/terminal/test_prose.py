from __future__ import annotations

import random
import re

import pytest
from rich.cells import cell_len

from reviewer.terminal.masking import mask, remembering, without_commands
from reviewer.terminal.prose import Prose

SECRET = "tr0ub4" + "dor!3"
TOKEN = "ghs" + "_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7"
KEY = "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 3 + "-----END PRIVATE KEY-----"
REPLY = f"""
 Reads the file, e.g. settings.yml. Then it connects!

The key is:
{KEY}
password: {SECRET}
::set-output name=x::y
It sends {TOKEN}. Done?  Yes.\x1b[2J
"""


def shown(text: str, *, width: int | None = None, seed: int = 0) -> list[str]:
    """What is written piece by piece, where the pieces have random lengths."""
    prose, source = Prose(width), random.Random(seed)
    written = []
    while text:
        size = source.randint(1, 7)
        written.append(prose.feed(text[:size]))
        text = text[size:]
    return [*written, prose.end()]


@pytest.mark.parametrize("seed", range(20))
def test_a_streamed_reply_is_as_safe_as_a_whole_one(seed: int) -> None:
    with remembering([SECRET]):
        text = "".join(shown(REPLY, seed=seed))
        assert text == without_commands(mask(REPLY.strip().replace("\x1b", "<U+001B>")))
    assert SECRET not in text
    assert TOKEN not in text
    assert "MIIEvQ" not in text
    assert "<U+001B>" in text
    assert not re.search(r"^::", text, re.MULTILINE)


def test_every_sentence_is_shown_when_the_next_one_begins() -> None:
    prose = Prose(None)
    said = [prose.feed(piece) for piece in ("One", " is 1.", "5.", " Two", " is\n", "2", "!")]
    assert said == ["", "", "", "One is 1.5.", " Two is", "", ""]
    assert prose.end() == "\n2!"


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("seed", range(5))
def test_lines_are_wrapped_between_words_only(width: int, seed: int) -> None:
    words = "Reads 漢字 and calls https://docs.example/a/very/long/path/that/fits/nowhere.html twice. " * 4
    text = "".join(shown(f"{words}\n\n- {words}", width=width, seed=seed))
    assert text.split() == f"{words} - {words}".split()
    for line in text.split("\n"):
        assert cell_len(line) <= width or " " not in line.strip(), line
    assert text.count("\n\n") == 1


def test_code_is_not_wrapped() -> None:
    code = "```python\n" + "x = " + "call(one, two) + " * 10 + "1\n    y = 2\n```"
    assert "".join(shown(f"Like this:\n\n{code}\nSo.", width=30)) == f"Like this:\n\n{code}\nSo."
