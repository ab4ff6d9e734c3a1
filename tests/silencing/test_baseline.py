from __future__ import annotations

import json

import pytest

from reviewer.errors import ConfigError
from reviewer.finding import Category, Finding, Severity, SilencedBy
from reviewer.silencing.baseline import Entry, dump, entries, load, merged, silences


def finding(path: str, line: int, text: str, message: str = "Fails.") -> Finding:
    return Finding(path, line, Severity.ERROR, Category.BUG, message, text)


def test_it_reads_what_it_wrote_one_line_each() -> None:
    found = entries([finding("b.py", 3, "x = 1"), finding("a\udce9.py", 9, "y"), finding("b.py", 7, "x  =  1")])
    text = dump(found)
    assert set(load(text.encode())) == found
    assert text == dump(sorted(found, reverse=True))
    lines = text.splitlines()
    assert len(lines) == len(found) + 2
    assert all(
        set(json.loads(line.rstrip(","))) == {"path", "category", "fingerprint", "message"} for line in lines[1:-1]
    )
    assert load(dump(()).encode()) == ()


def test_a_finding_stays_silenced_when_its_line_moves() -> None:
    known = silences(entries([finding("a.py", 3, "    x = 1 / 0")]))
    assert known[finding("a.py", 90, "x = 1 / 0", "It divides by zero.").fingerprint].by is SilencedBy.BASELINE
    assert finding("b.py", 3, "x = 1 / 0").fingerprint not in known


def test_what_was_there_keeps_its_words() -> None:
    old = entries([finding("a.py", 3, "x", "first words")])
    new = entries([finding("a.py", 5, "x", "other words"), finding("a.py", 6, "y")])
    assert {entry.message for entry in merged(old, new)} == {"first words", "Fails."}


def test_secrets_are_not_written() -> None:
    (entry,) = entries([finding("a.py", 1, "x", "ghp_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7 is a token.")])
    assert "aB3dE5" not in entry.message


ENTRY = {"path": "a.py", "category": "bug", "fingerprint": "0" * 16, "message": "m"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "invalid JSON"),
        ("[]", "not a baseline"),
        ('{"version": 2, "findings": []}', "version 1"),
        (json.dumps({"version": 1, "findings": [ENTRY, 3]}), "finding 2"),
        (json.dumps({"version": 1, "findings": [ENTRY | {"fingerprint": "x"}]}), "finding 1"),
        (json.dumps({"version": 1, "findings": [ENTRY | {"category": "bugs"}]}), "bugs"),
        (json.dumps({"version": 1, "findings": [ENTRY | {"line": 3}]}), "finding 1"),
        ("<<<<<<< HEAD", "invalid JSON"),
    ],
)
def test_a_damaged_one_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text.encode(), "there.json")
    assert caught.value.message.startswith("there.json")
    assert said in caught.value.message
    assert load(json.dumps({"version": 1, "findings": [ENTRY]}).encode()) == (Entry("a.py", "bug", "0" * 16, "m"),)
