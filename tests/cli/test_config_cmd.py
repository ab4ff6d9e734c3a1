from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from reviewer import cli, config, paths
from reviewer.cli.config_cmd import commented
from reviewer.config import sources

if TYPE_CHECKING:
    from tests.repo import Repo


def test_show_tells_value_and_origin(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo.root)
    monkeypatch.setenv("REVIEWER_EMBEDDED", "1")
    monkeypatch.setenv("REVIEWER_ENGINE_API_KEY", "hush")
    repo.write({".reviewer.toml": 'fail_on = "error"\n'})
    assert cli.run(["config", "show"]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^embedded +true +REVIEWER_EMBEDDED$", shown.out, re.MULTILINE)
    assert re.search(r'^fail_on +"error" +\.reviewer\.toml$', shown.out, re.MULTILINE)
    assert re.search(r"^timeout +120\.0 +default$", shown.out, re.MULTILINE)
    assert "hush" not in shown.out + shown.err
    assert str(config.user_file()) in shown.err

    assert cli.run(["config", "show", "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["embedded"] == {"value": True, "origin": "REVIEWER_EMBEDDED"}
    assert tree["engine.api_key"] == {"value": "(set)", "origin": "REVIEWER_ENGINE_API_KEY"}
    assert set(tree) == {option.key for option in config.OPTIONS}


def test_init_writes_once(repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(repo.root)
    file = repo.root / ".reviewer.toml"
    assert cli.run(["config", "init"]) == 0
    written = file.read_text(encoding="utf-8")
    file.write_text("mine", encoding="utf-8")
    assert cli.run(["config", "init"]) == 2
    assert "--force" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "mine"
    assert cli.run(["config", "init", "--force"]) == 0
    assert file.read_text(encoding="utf-8") == written
    assert cli.run(["config", "init", "--user"]) == 0
    assert "# url =" in (paths.config_dir() / "config.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("own", [True, False])
def test_what_init_writes_changes_nothing_and_can_be_uncommented(own: bool) -> None:
    text = commented(own=own)
    assert sources.from_toml(text.encode(), "file", trusted=own) == {}
    settings = re.sub(r"^# (?=\w+ = (?!-$))", "", text, flags=re.MULTILINE)
    values = sources.from_toml(settings.encode(), "file", trusted=own)
    assert values is not None
    assert len(values) >= 18
    for field, (value, _) in values.items():
        assert value == config.default(field), field
    keys = tomllib.loads(settings)
    assert ("url" in text) == own
    assert "api_key" not in keys["engine"]
