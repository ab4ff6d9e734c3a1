"""What a fix writes for characters that the model was shown as pictures."""

from __future__ import annotations

import pytest

from reviewer.prompting.fix import FixReader
from reviewer.prompting.reply import InvalidReplyError

READ = FixReader(1, 1, "x = 'caf\udce9\x0c'")


def test_a_sample_gets_the_characters_of_the_file() -> None:
    fix = READ("Fixes it.\n```python\ny = 'caf\ufffd\u240c'\n```\n", truncated=False)
    assert fix.code == "y = 'caf\udce9\x0c'"


def test_a_sample_with_unknown_bytes_is_not_read() -> None:
    with pytest.raises(InvalidReplyError, match="bytes"):
        READ("Fixes it.\n```python\ny = 'th\ufffd'\n```\n", truncated=False)
