"""``reviewer cache``, on the file that reviews use."""

from __future__ import annotations

import json

from click.testing import CliRunner

from reviewer.cache import AnswerCache, default_path
from reviewer.cli.cache import cache


def run(*args: str) -> str:
    result = CliRunner().invoke(cache, args, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def fill(count: int) -> None:
    with AnswerCache(default_path()) as answers:
        for number in range(count):
            answers.put(str(number), "an answer")


def test_stats_of_a_cache_that_does_not_exist_make_none() -> None:
    assert run("stats").startswith("0 answers")
    assert json.loads(run("stats", "--json"))["oldest"] is None
    assert not default_path().exists()


def test_stats_count_and_say_where() -> None:
    fill(2)
    text = run("stats")
    assert text.startswith("2 answers")
    assert "of 268 MB" in text
    assert str(default_path()) in text.replace("\n", "")
    found = json.loads(run("stats", "--json"))
    assert found["entries"] == 2
    assert 0 < found["bytes"] < found["max_bytes"]
    assert found["problem"] is None


def test_clear_forgets() -> None:
    fill(3)
    assert run("clear") == "3 answers deleted\n"
    assert run("clear") == "0 answers deleted\n"
    with AnswerCache(default_path()) as answers:
        assert answers.get("1") is None


def test_a_damaged_file_is_named() -> None:
    fill(1)
    default_path().write_text("no database")
    assert "damaged, moved to:" in run("stats")
    assert run("clear") == "0 answers deleted\n"
    assert "damaged" not in run("stats")
