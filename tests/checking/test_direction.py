from __future__ import annotations

import pytest

from reviewer.checking.direction import contradicts
from reviewer.diff import LineKind, SourceLine

DEFAULT = "-def get(url, timeout=30):\n+def get(url, timeout=10):\n     return fetch(url, timeout)"
REMOVED = "-def get(url, timeout=30):\n+def get(url):\n     return fetch(url)"
RENAMED = "-def get(url, wait):\n+def get(url, timeout):\n     pass"
ADDED = "+import os\n+\n+def size(path):\n+    return os.stat(path).st_size"
POP = "+    cache.remove(key)\n     return key"
SUM = "-    total = total + item\n+    total = total + item * 2"


def lines(diff: str) -> list[SourceLine]:
    return [SourceLine(LineKind(line[0]), line[1:], 1, 1) for line in diff.split("\n")]


@pytest.mark.parametrize(
    ("diff", "sentence"),
    [
        (DEFAULT, "Removes the parameter."),
        (DEFAULT, "Removes the timeout parameter from get."),
        (DEFAULT, "This change removes the parameter `timeout`."),
        (DEFAULT, "The `timeout` parameter has been removed."),
        (DEFAULT, "The parameter timeout was removed."),
        (DEFAULT, "Adds a `timeout` parameter."),
        (DEFAULT, "Introduces the parameter timeout."),
        (DEFAULT, "Renames `url` to `timeout`."),
        (REMOVED, "Adds the parameter `timeout`."),
        (RENAMED, "Renames timeout to wait."),
        (SUM, "Changes the variable name from `total` to `item`."),
        (RENAMED, "Renames the parameter `wait` to `delay`."),
        (ADDED, "Removes the import os."),
        (ADDED, "Removes the function size."),
    ],
)
def test_the_opposite_of_the_diff_is_caught(diff: str, sentence: str) -> None:
    assert contradicts(sentence, lines(diff))


@pytest.mark.parametrize(
    ("diff", "sentence"),
    [
        (DEFAULT, "Lowers the default of the timeout parameter from 30 to 10."),
        (DEFAULT, "Removes the default value 30 of timeout."),
        (REMOVED, "Removes the parameter `timeout`."),
        (REMOVED, "Removes the timeout parameter."),
        (REMOVED, "Removes the parameter from the signature."),
        (RENAMED, "Renames `wait` to `timeout`."),
        (RENAMED, "Renames the parameter wait to timeout."),
        (RENAMED, "Changes the parameter name from `wait` to `timeout`."),
        (RENAMED, "Removes `wait` and adds `timeout`."),
        (ADDED, "Adds a function `size` that returns a file's size."),
        (ADDED, "Adds the import os and a size function."),
        (ADDED, "Adds support for files."),
        # What the code does when it runs is not what the diff does.
        (POP, "Removes `key` from the cache."),
        (POP, "The key is removed from the cache."),
        (SUM, "Adds `item` to the total twice."),
    ],
)
def test_what_the_diff_shows_is_not_caught(diff: str, sentence: str) -> None:
    assert not contradicts(sentence, lines(diff))
