from __future__ import annotations

import re

import pytest

from reviewer.report.github import render
from tests.report.samples import HOSTILE, SAMPLES

COMMAND = re.compile(r"::(error|warning|notice) ((?:\w+=[^,:]*)(?:,\w+=[^,:]*)*)::(.*)")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """One command as the runner reads it (actions/runner, ActionCommand.TryParseV2)."""
    match = COMMAND.fullmatch(line)
    assert match, line
    properties = dict(part.split("=", 1) for part in match[2].split(","))
    return match[1], {key: unescaped(value) for key, value in properties.items()}, unescaped(match[3])


def unescaped(text: str) -> str:
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, character)
    return text


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_is_one_command_of_ours(name: str) -> None:
    review, options = SAMPLES[name]
    commands = [read(line) for line in render(review, options).splitlines()]
    assert len(commands) == len(review.shown) + len(review.not_read) + sum(one.unread for one in review.skimmed) + 1
    assert all(set(found) <= {"file", "line", "endLine", "title"} for _, found, _ in commands)


def test_severities_become_levels_and_lines_are_spanned() -> None:
    commands = [read(line) for line in render(*SAMPLES["findings"]).splitlines()]
    assert [(level, found.get("file"), found.get("line"), found.get("endLine")) for level, found, _ in commands] == [
        ("notice", "lib/parse.py", "6", "6"),
        ("warning", "lib/parse.py", "10", "10"),
        ("error", "stats.py", "12", "12"),
        ("notice", None, None, None),
    ]
    assert commands[2][1]["title"] == "error · bug [1f01c]"
    assert commands[2][2].endswith(
        "Suggested fix (applies, parses):\n        return total / len(values) if values else 0"
    )


def test_a_hostile_message_stays_one_message() -> None:
    _, found, message = read(render(HOSTILE, SAMPLES["hostile"][1]).splitlines()[0])
    assert found["file"] == "dir,with: odd/na<U+202E>me`s.py"
    assert "100% ::error file=x::pwned" in message
