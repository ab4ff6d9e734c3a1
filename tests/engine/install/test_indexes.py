from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.install.indexes import index_settings
from reviewer.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which pip has no configuration, wherever the tests run."""
    return {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PIP_INDEX_URL": "https://mirror/simple"}, {"UV_DEFAULT_INDEX": "https://mirror/simple"}),
        (
            {"PIP_EXTRA_INDEX_URL": "https://a/simple https://b/simple"},
            {"UV_INDEX": "https://a/simple https://b/simple", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
        (
            {"PIP_EXTRA_INDEX_URL": "https://a/simple", "UV_INDEX_STRATEGY": "first-index"},
            {"UV_INDEX": "https://a/simple"},
        ),
        ({"PIP_FIND_LINKS": "/wheels https://x/links"}, {"UV_FIND_LINKS": "/wheels,https://x/links"}),
        ({"PIP_CERT": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"PIP_CERT": "/ca.pem", "SSL_CERT_FILE": "/other.pem"}, {}),
        ({"PIP_TRUSTED_HOST": "mirror"}, {"UV_INSECURE_HOST": "mirror"}),
        ({"PIP_DEFAULT_TIMEOUT": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
        ({"PIP_PROXY": "proxy:3128"}, {"HTTP_PROXY": "http://proxy:3128", "HTTPS_PROXY": "http://proxy:3128"}),
        ({"PIP_PROXY": "http://p:1", "https_proxy": "http://q:1"}, {"HTTP_PROXY": "http://p:1"}),
        ({"PIP_INDEX_URL": "https://pip", "UV_DEFAULT_INDEX": "https://uv"}, {}),
        ({"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://uv"}, {}),
        ({"PIP_INDEX_URL": ""}, {}),
        ({}, {}),
    ],
)
def test_variables_of_pip_become_those_of_uv(
    environ: dict[str, str], variables: dict[str, str], expected: dict[str, str]
) -> None:
    assert dict(index_settings({**environ, **variables}).env) == expected


@pytest.mark.parametrize(("value", "flags"), [("1", ("--no-index",)), ("true", ("--no-index",)), ("0", ()), ("no", ())])
def test_no_index_is_a_flag(environ: dict[str, str], value: str, flags: tuple[str, ...]) -> None:
    assert index_settings({**environ, "PIP_NO_INDEX": value}).flags == flags


def test_relative_find_links_are_taken_from_the_working_directory(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert index_settings({**environ, "PIP_FIND_LINKS": "wheels"}).env["UV_FIND_LINKS"] == str(tmp_path / "wheels")


def test_variables_override_configuration_files(environ: dict[str, str], tmp_path: Path) -> None:
    named = tmp_path / "pip.conf"
    named.write_text(
        "[global]\nindex-url = https://file/simple\nfind_links =\n    /one\n    /two\n[install]\ntimeout = 9%\n",
        encoding="utf-8",
    )
    environ["PIP_CONFIG_FILE"] = str(named)
    found = index_settings(environ).env
    assert found["UV_DEFAULT_INDEX"] == "https://file/simple"
    assert found["UV_FIND_LINKS"] == "/one,/two"
    assert found["UV_HTTP_TIMEOUT"] == "9%"
    environ["PIP_INDEX_URL"] = "https://variable/simple"
    assert index_settings(environ).env["UV_DEFAULT_INDEX"] == "https://variable/simple"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other places")
def test_the_users_own_file_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text("[global]\nindex-url = https://user/simple\n", encoding="utf-8")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert index_settings(environ).env["UV_DEFAULT_INDEX"] == "https://user/simple"


def test_invalid_file_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    broken = tmp_path / "pip.conf"
    broken.write_text("index-url = x\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"pip\.conf cannot be parsed"):
        index_settings({**environ, "PIP_CONFIG_FILE": str(broken)})


def test_passwords_are_not_shown(environ: dict[str, str]) -> None:
    urls = "https://me:secret@a/simple https://token@b/simple"
    shown = " ".join(index_settings({**environ, "PIP_EXTRA_INDEX_URL": urls}).shown())
    assert "secret" not in shown
    assert "token" not in shown
    assert "@a/simple" in shown


@pytest.mark.parametrize(
    ("variables", "custom"),
    [({}, False), ({"PIP_CERT": "/ca"}, False), ({"PIP_FIND_LINKS": "/w"}, True), ({"UV_INDEX": "https://x"}, True)],
)
def test_sources_that_the_user_named(environ: dict[str, str], variables: dict[str, str], custom: bool) -> None:
    assert index_settings({**environ, **variables}).custom is custom
