from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from reviewer import config, paths, report
from reviewer.config import options
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def write_user(text: str) -> Path:
    path = paths.config_dir() / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_repo(root: Path, text: str, name: str = ".reviewer.toml") -> None:
    (root / name).write_text(text, encoding="utf-8")


def test_without_any_source_everything_is_a_default() -> None:
    settings = config.load(None, {})
    assert settings == config.Settings()
    assert {settings.origin(option.field) for option in options.OPTIONS} == {"default"}


def test_later_sources_win_and_are_remembered(tmp_path: Path) -> None:
    user = write_user('model = "user"\ntimeout = 1\nquantization = "int4"\nfail_on = "info"\n')
    write_repo(tmp_path, 'model = "repo"\ntimeout = 2\nquantization = "int8"\n')
    settings = config.load(tmp_path, {"REVIEWER_MODEL": "env", "REVIEWER_TIMEOUT": "3"}, {"model": "flag"})
    assert (settings.model, settings.origin("model")) == ("flag", "--model")
    assert (settings.timeout, settings.origin("timeout")) == (3.0, "REVIEWER_TIMEOUT")
    assert (settings.quantization, settings.origin("quantization")) == ("int8", ".reviewer.toml")
    assert (settings.fail_on, settings.origin("fail_on")) == ("info", str(user))


def test_a_command_may_have_defaults_of_its_own(tmp_path: Path) -> None:
    own = {"fail_on": "error", "require": True}
    assert config.load(None, {}, defaults=own).fail_on == "error"
    write_repo(tmp_path, 'fail_on = "never"\n')
    settings = config.load(tmp_path, {}, defaults=own)
    assert settings.fail_on is None
    assert settings.require


def test_the_engine_table_and_what_reaches_the_engine() -> None:
    write_user('[engine]\nurl = "http://gpu:8000"\nmax_memory_gb = 12\ndevice = "cpu"\nidle_timeout = "never"\n')
    model = config.load(None, {"REVIEWER_ENGINE_API_KEY": "hush"}, {"temperature": 0.5}).model_config
    assert (model.engine_url, model.max_memory_gb, model.device) == ("http://gpu:8000", 12.0, "cpu")
    assert (model.idle_timeout, model.api_key, model.temperature) == (None, "hush", 0.5)


def test_every_field_of_the_engine_has_a_setting() -> None:
    unset = {"max_tokens"}  # follows from the request
    names = {"url": "engine_url", "python": "engine_python"}
    fields = {names.get(option.field, option.field) for option in options.OPTIONS}
    model = {field.name for field in dataclasses.fields(config.Settings().model_config)}
    assert model - fields == unset


def test_the_table_and_settings_hold_the_same_names_and_formats() -> None:
    fields = {field.name for field in dataclasses.fields(config.Settings)} - {"origins", "notes"}
    assert {option.field for option in options.OPTIONS} == fields
    assert set(options.FORMATS) == set(report.FORMATS)


def test_the_key_is_not_shown() -> None:
    assert "hush" not in repr(config.load(None, {"REVIEWER_ENGINE_API_KEY": "hush"}))


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("REVIEWER_EMBEDDED", "1", "embedded", True),
        ("REVIEWER_EMBEDDED", "false", "embedded", False),
        ("REVIEWER_EMBEDDED", "", "embedded", False),
        ("REVIEWER_CACHE", "off", "cache", False),
        ("REVIEWER_FAIL_ON", "Never", "fail_on", None),
        ("REVIEWER_EXCLUDE", "docs/**, *.md", "exclude", ("docs/**", "*.md")),
        ("REVIEWER_ENGINE_URL", " http://x ", "url", "http://x"),
        ("REVIEWER_ENGINE_URL", "http://x,http://y ,", "url", "http://x, http://y"),
        ("REVIEWER_ENGINE_KEYRING", "yes", "keyring", True),
        ("REVIEWER_ENGINE_CA_FILE", "~/ca.pem", "ca_file", "~/ca.pem"),
        ("REVIEWER_ENGINE_MAX_MEMORY_GB", "auto", "max_memory_gb", None),
        ("REVIEWER_MAX_MODEL_LEN", "2048", "max_model_len", 2048),
    ],
)
def test_variables(variable: str, text: str, field: str, value: object) -> None:
    assert getattr(config.load(None, {variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("REVIEWER_EMBEDDED", "maybe", "true, false or one of 1.5b"),
        ("REVIEWER_TIMEOUT", "soon", "a number above 0, not 'soon'"),
        ("REVIEWER_TIMEOUT", "nan", "a number above 0"),
        ("REVIEWER_TIMEOUT", "-1", "a number above 0"),
        ("REVIEWER_FAIL_ON", "fatal", '"error", "warning", "info", "never"'),
        ("REVIEWER_MAX_MODEL_LEN", "2.5", "a whole number"),
        ("REVIEWER_EMBEDED", "1", "unknown environment variable REVIEWER_EMBEDED\ndid you mean REVIEWER_EMBEDDED?"),
    ],
)
def test_wrong_variables(variable: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(None, {variable: text})
    assert variable in str(caught.value)
    assert said in str(caught.value)


def test_variables_of_others_are_left_alone() -> None:
    config.load(None, {"REVIEWER_HOME": "/x", "REVIEWER_NAME": "Ann", "REVIEWERS": "2"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('modle = "x"', ["unknown key 'modle'", "did you mean 'model'?"]),
        ('device = "cpu"', ["unknown key 'device'", "did you mean 'device' in the table [engine]?"]),
        ("[engine]\nmax_memory = 3", ["unknown key 'engine.max_memory'", "'max_memory_gb' in the table [engine]"]),
        ("[engines]\ndevice = 1", ["unknown key 'engines.device'", "'device' in the table [engine]"]),
        ("[model]\nname = 1", ["model must be a non-empty string"]),
        ("zzzzzz = 1", ["unknown key 'zzzzzz'", "known keys: model, embedded"]),
        ("engine = 3", ["unknown key 'engine'"]),
        ("timeout = true", ["timeout must be a number above 0, not True"]),
        ('timeout = "1"', ["timeout must be a number above 0, not '1'"]),
        ("temperature = 3", ["temperature must be a number of at least 0 and at most 2, not 3"]),
        ('fail_on = "bad"', ['fail_on must be one of "error", "warning", "info", "never"']),
        ('exclude = "docs"', ["exclude must be a list of patterns"]),
        ("embedded = 1", ["embedded must be true, false or one of 1.5b, 0.5b, 135m, not 1"]),
        ("model = ''", ["model must be a non-empty string"]),
        ("model =\ntimeout = 1", ["not valid TOML", "line 1"]),
        ("[engine]\nurl = []", ["engine.url", "may not be set"]),
        ('[engine]\napi_key = "hush"', ["is a secret", "REVIEWER_ENGINE_API_KEY"]),
    ],
)
def test_wrong_files(text: str, said: list[str], tmp_path: Path) -> None:
    write_repo(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, {})
    shown = str(caught.value)
    assert shown.startswith(".reviewer.toml: ")
    assert "hush" not in shown
    for part in said:
        assert part in shown


def test_endpoints_may_be_a_list() -> None:
    write_user('[engine]\nurl = ["http://a:8000", "https://b/v1"]\n')
    assert config.load(None, {}).model_config.engine_url == "http://a:8000, https://b/v1"
    for wrong in ("[]", "[3]", "3", '" , "'):
        path = write_user(f"[engine]\nurl = {wrong}\n")
        with pytest.raises(ConfigError, match="a URL or several") as caught:
            config.load(None, {})
        assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("url", "env", "said"),
    [
        ("http://gpu:8000", {}, ["http://gpu:8000 is not encrypted: others on the network can read the code"]),
        ("http://gpu:8000", {"REVIEWER_ENGINE_API_KEY": "hush"}, ["the code under review and the key"]),
        ("https://a, http://10.0.0.7, http://127.0.0.1:8000", {}, ["http://10.0.0.7 is not"]),
        ("https://gpu:8000", {}, []),
        ("http://localhost:8000", {}, []),
        ("gpu:8000", {}, []),  # refused when it is used
    ],
)
def test_code_that_would_go_unencrypted_is_warned_of(url: str, env: dict[str, str], said: list[str]) -> None:
    notes = config.load(None, env | {"REVIEWER_ENGINE_URL": url}).notes
    assert len(notes) == len(said)
    for note, part in zip(notes, said, strict=True):
        assert part in note
        assert "hush" not in note


@pytest.mark.parametrize("line", ['url = "http://evil"', 'python = "./evil"', 'ca_file = "evil.pem"', "keyring = true"])
@pytest.mark.parametrize("name", [".reviewer.toml", "pyproject.toml"])
def test_a_repository_names_no_endpoint_and_no_interpreter(line: str, name: str, tmp_path: Path) -> None:
    table = "engine" if name == ".reviewer.toml" else "tool.reviewer.engine"
    write_repo(tmp_path, f"[{table}]\n{line}\n", name)
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, {})
    key = line.split(maxsplit=1)[0]
    assert f"engine.{key} may not be set by a repository" in caught.value.message
    assert f"REVIEWER_ENGINE_{key.upper()}" in (caught.value.hint or "")
    write_user(f"[engine]\n{line}\n")
    assert getattr(config.load(None, {}), key) is not None


def test_pyproject_is_read_where_it_has_our_table(tmp_path: Path) -> None:
    write_repo(tmp_path, '[tool.ruff]\nx = 1\n[tool.reviewer]\nmodel = "p"\n', "pyproject.toml")
    settings = config.load(tmp_path, {})
    assert (settings.model, settings.origin("model")) == ("p", "pyproject.toml [tool.reviewer]")
    write_repo(tmp_path, 'model = "r"\n')
    settings = config.load(tmp_path, {})
    assert settings.model == "r"
    assert ".reviewer.toml is used" in settings.notes[0]
    write_repo(tmp_path, '[project]\nname = "reviewer-of-books"\n', "pyproject.toml")
    assert not config.load(tmp_path, {}).notes


def test_a_broken_pyproject_that_is_not_ours_is_not_read(tmp_path: Path) -> None:
    write_repo(tmp_path, "[project\n", "pyproject.toml")
    assert config.load(tmp_path, {}) == config.Settings()


def test_the_repository_file_may_come_from_elsewhere(tmp_path: Path) -> None:
    write_repo(tmp_path, 'model = "head"\n')
    base = {".reviewer.toml": b'\xef\xbb\xbfmodel = "base"\r\n'}
    assert config.load(tmp_path, {}, read_repo_file=base.get).model == "base"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / ".reviewer.toml").write_bytes(b'model = "\xff"\n')
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load(tmp_path, {})


@pytest.mark.parametrize(
    ("repo", "env", "flags", "embedded"),
    [
        ("embedded = true", {}, {}, True),
        ("embedded = true", {}, {"model": "m"}, False),
        ("embedded = true", {"REVIEWER_MODEL": "m"}, {}, False),
        ("", {"REVIEWER_EMBEDDED": "0.5b"}, {}, "0.5b"),
        ("", {"REVIEWER_EMBEDDED": "0.5b"}, {"embedded": "auto"}, "0.5b"),
        ("", {"REVIEWER_EMBEDDED": "0.5b"}, {"embedded": "135m"}, "135m"),
        ('embedded = "0.5b"', {"REVIEWER_EMBEDDED": "0"}, {"embedded": "auto"}, True),
        ("embedded = true", {}, {"embedded": "off"}, False),
        ('model = "m"', {"REVIEWER_EMBEDDED": "1"}, {}, True),
    ],
)
def test_a_named_model_outweighs_a_weaker_embedded(
    repo: str, env: dict[str, str], flags: dict[str, object], embedded: bool | str, tmp_path: Path
) -> None:
    write_repo(tmp_path, repo)
    settings = config.load(tmp_path, env, flags)
    assert settings.embedded == embedded
    assert settings.model_config.embedded == embedded, "a weaker model does not contradict it"


@pytest.mark.parametrize(
    ("user", "repo", "field", "value"),
    [
        ("timeout = 50", "timeout = 60", "timeout", 50),
        ("timeout = 50", "timeout = 40", "timeout", 40),
        ("", "timeout = 1e9", "timeout", 120),
        ("", "hook_budget = 3600", "hook_budget", 10),
        ("", 'hook_deadline = "never"', "hook_deadline", 120),
        ('hook_deadline = "never"', "hook_deadline = 900", "hook_deadline", 900),
        ("", '[engine]\nidle_timeout = "never"', "idle_timeout", 1800),
        ("", "[engine]\nstart_timeout = 86400", "start_timeout", 300),
        ("[engine]\nmax_memory_gb = 8", "[engine]\nmax_memory_gb = 64", "max_memory_gb", 8),
        ("[engine]\nmax_memory_gb = 8", '[engine]\nmax_memory_gb = "auto"', "max_memory_gb", 8),
        ("[engine]\nmax_memory_gb = 8", "[engine]\nmax_memory_gb = 4", "max_memory_gb", 4),
        ("[engine]\nmax_num_seqs = 2", "[engine]\nmax_num_seqs = 64", "max_num_seqs", 2),
    ],
)
def test_a_repository_only_lowers_limits(user: str, repo: str, field: str, value: float, tmp_path: Path) -> None:
    ignored = str(value) not in repo
    write_user(user)
    write_repo(tmp_path, repo)
    settings = config.load(tmp_path, {})
    assert getattr(settings, field) == value
    assert any("exceeds your limit" in note for note in settings.notes) == ignored
    assert (settings.origin(field) == ".reviewer.toml") != ignored


def test_the_environment_and_flags_raise_limits(tmp_path: Path) -> None:
    write_repo(tmp_path, "timeout = 60")
    assert config.load(tmp_path, {"REVIEWER_TIMEOUT": "999"}).timeout == 999
    assert config.load(tmp_path, {}, {"timeout": 999.0}).timeout == 999


@pytest.mark.parametrize(
    ("repo", "env", "flags", "where"),
    [
        ("", {}, {"model": "m", "embedded": "auto"}, "--model and --embedded"),
        ("", {"REVIEWER_MODEL": "m", "REVIEWER_EMBEDDED": "1"}, {}, "REVIEWER_MODEL and REVIEWER_EMBEDDED"),
        ('embedded = true\nmodel = "m"', {}, {}, ".reviewer.toml"),
    ],
)
def test_a_model_and_an_embedded_one_in_one_place_are_refused(
    repo: str, env: dict[str, str], flags: dict[str, object], where: str, tmp_path: Path
) -> None:
    write_repo(tmp_path, repo)
    with pytest.raises(ConfigError, match=f"^{where}: the model m and embedded cannot be combined"):
        config.load(tmp_path, env, flags)
