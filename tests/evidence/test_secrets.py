"""The secret detector with its real library, as the program that the analyzers run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reviewer.evidence.analyzers import KNOWN, Setting, analyze
from tests.evidence.samples import reviewed

if TYPE_CHECKING:
    from reviewer.evidence.diagnostic import Diagnostic

# Put together here, so that the file itself holds no secret.
_TOKEN = "ghp_" + "a8Kd0qPz3LmNx7Rt5VbWc2Ye9UgHj4SfT1Io"
_SLACK = "xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx"
_PASSWORD = "k9Xq2v" + "LmPz7R!x"


def _scan(path: str, text: str) -> list[Diagnostic]:
    found, notes = analyze([KNOWN["betterleaks"]], [reviewed(path, text)], None, Setting())
    assert notes == []
    return found


@pytest.mark.parametrize(
    ("path", "text", "rules"),
    [
        pytest.param("a.py", f'token = "{_TOKEN}"', ["github-pat"], id="a token"),
        pytest.param("tests/test_a.py", f'token = "{_TOKEN}"', ["github-pat"], id="a token in a test"),
        pytest.param("a.yaml", f"a: 1\nslack: {_SLACK}", ["slack-bot-token"], id="in YAML"),
        pytest.param("app/settings.py", f'DB_PASSWORD = "{_PASSWORD}"', ["generic-password"], id="a password"),
        pytest.param(
            "app/settings.py",
            f'DB = "postgres://admin:{_PASSWORD[:12]}@db.prod.internal:5432/app"',
            ["generic-credential-uri"],
            id="a password in an address",
        ),
        pytest.param("tests/test_a.py", f'login(user="bob", password="{_PASSWORD}")', [], id="a password in a test"),
        pytest.param("docs/a.md", f'user: bob\npassword: "{_PASSWORD}"', [], id="a password in documentation"),
        pytest.param("a.py", 'auth = Digest(username="user", password="password123")', [], id="an example"),
        pytest.param("a.py", "username, password = request.url.username, request.url.password", [], id="variables"),
        pytest.param("a.py", 'url = "https://{}:x-oauth-basic@github.com/user/{}.zip"', [], id="a template"),
        pytest.param("a.py", 'key = "AKIAIOSFODNN7EXAMPLE"', [], id="a documented example"),
    ],
)
def test_secrets(path: str, text: str, rules: list[str]) -> None:
    found = _scan(path, f"x = 1\n{text}\n")
    assert [one.source.rule for one in found] == rules
    assert all(one.secret and one.line > 1 for one in found)
    for secret in (_TOKEN, _SLACK, _PASSWORD):
        assert secret not in repr(found)


def test_columns_are_those_of_the_secret() -> None:
    (one,) = _scan("a.py", f'token = "{_TOKEN}"  # x\n')
    assert (one.column, one.end_column) == (10, 10 + len(_TOKEN))


def test_columns_count_characters_after_letters_of_several_bytes() -> None:
    (one,) = _scan("a.py", f'é = "é{chr(0x1F600)}"; token = "{_TOKEN}"\n')
    start = f'é = "é{chr(0x1F600)}"; token = "'
    assert one.column <= len(start) + 1
    assert one.end_column >= len(start) + 1 + len(_TOKEN)
