from __future__ import annotations

import pytest

from reviewer.engine.profile import ModelProfile
from reviewer.engine.tasks import CONTINUED
from reviewer.finding import Category, Finding, Severity
from reviewer.prompting import fix
from reviewer.prompting.prompts import Prompts
from reviewer.prompting.reply import InvalidReplyError

BEGUN = fix.FixReader(3, 4, "    except:\n        pass", begun="```python")
READER = fix.FixReader(3, 4, "    except:\n        pass")
LONG = "".join(f"    x = {number}\n" for number in range(60))
TEXT = f"import os\n\ndef short(a):\n    return a\n\n\ndef long(a):\n{LONG}    return x\n\ny = eval('1')\n"


def fault(line: int) -> Finding:
    return Finding("a.py", line, Severity.WARNING, Category.BUG, "wrong", TEXT.split("\n")[line - 1])


@pytest.mark.parametrize(
    ("reply", "sentence", "code"),
    [
        ("It hides errors.\n```python\n    except ValueError:\n        pass\n```\n", "It hides errors.",
         "    except ValueError:\n        pass"),
        ("```\nx\n```", "", "x"),
        ("One.\n\nTwo.\n```py\n\n  x\n```\nand more ```\n", "One. Two.", "\n  x"),
        ("```\n```\n", "", ""),
    ],
)  # fmt: skip
def test_the_sentence_and_the_code_are_taken_apart(reply: str, sentence: str, code: str) -> None:
    assert READER(reply, truncated=False) == fix.Fix(3, 4, READER.original, code, sentence)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ("\n    except OSError:\n        raise\n```\n\nIt hides\nall errors.\n", "It hides all errors."),
        ("\n    except OSError:\n        raise\n```", ""),
    ],
)
def test_a_begun_block_comes_before_the_sentence(reply: str, sentence: str) -> None:
    code = "    except OSError:\n        raise"
    assert BEGUN(reply, truncated=False) == fix.Fix(3, 4, BEGUN.original, code, sentence)


def test_a_begun_block_that_was_cut_is_no_fix() -> None:
    with pytest.raises(InvalidReplyError, match="the fix was cut"):
        BEGUN("\n    except OSError:", truncated=True)


@pytest.mark.parametrize("prefill", [True, False])
def test_only_the_reply_of_a_small_model_is_begun(prefill: bool) -> None:
    first = next(fix.requests(Prompts(ModelProfile("m", "d", 8192, prefill=prefill), {}), fault(4), TEXT, "python"))
    assert [one["role"] for one in first.messages] == ["system", "user", *(["assistant"] if prefill else [])]
    assert first.extra == (CONTINUED if prefill else None)
    system = str(first.messages[0]["content"])
    assert (system.index("one short sentence") > system.index("the whole code block")) is prefill
    if prefill:
        assert first.messages[-1]["content"] == "```python"


@pytest.mark.parametrize("reply", ["", "I would not change it.", "```python\nx = 1", "a ```x``` b"])
def test_a_reply_without_a_whole_code_block_is_invalid(reply: str) -> None:
    with pytest.raises(InvalidReplyError):
        READER(reply, truncated=True)


@pytest.mark.parametrize(
    ("line", "window"),
    [
        (4, (3, 4)),  # the whole function
        (30, (24, 36)),  # some lines of one that is too long
        (8, (7, 14)),  # not beyond its first line
        (70, (64, 70)),  # nor beyond the last line of the file
    ],
)
def test_which_lines_are_written_anew(line: int, window: tuple[int, int]) -> None:
    prompts = Prompts(ModelProfile("m", "d", 8192), {})
    first, *others = fix.requests(prompts, fault(line), TEXT, "python")
    reader = first.read
    assert isinstance(reader, fix.FixReader)
    assert (reader.start, reader.end) == window
    assert reader.original == "\n".join(TEXT.split("\n")[window[0] - 1 : window[1]])
    assert (first.temperature, first.draw) == (0.0, 0)
    assert [(one.messages, one.draw) for one in others] == [(first.messages, draw) for draw in (1, 2, 3)]
    assert all(one.temperature > 0 for one in others)


ODD = fix.FixReader(1, 1, "x = 'caf\udce9\x0c'")


def test_a_sample_gets_the_characters_of_the_file() -> None:
    found = ODD("Fixes it.\n```python\ny = 'caf\ufffd\u240c'\n```\n", truncated=False)
    assert found.code == "y = 'caf\udce9\x0c'"


def test_a_sample_with_unknown_bytes_is_not_read() -> None:
    with pytest.raises(InvalidReplyError, match="bytes"):
        ODD("Fixes it.\n```python\ny = 'th\ufffd'\n```\n", truncated=False)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(
            "It hides the error.\n```python\n    except OSError:\n        raise\n0123456789ab\n```", id="marker"
        ),
        pytest.param("It hides the error.\n````\n    except OSError:\n        raise\n````\n", id="a longer fence"),
    ],
)
def test_a_block_is_read_without_what_does_not_belong_to_it(reply: str) -> None:
    reader = fix.FixReader(3, 4, "    except:\n        pass", "0123456789ab")
    assert reader(reply, truncated=False).code == "    except OSError:\n        raise"


def test_a_block_that_was_cut_is_no_fix() -> None:
    with pytest.raises(InvalidReplyError, match="the fix was cut"):
        READER("It hides the error.\n```python\n    except OSError:", truncated=True)
