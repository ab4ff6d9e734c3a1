from __future__ import annotations

import pytest

from reviewer.evidence import textual
from tests.evidence.samples import reviewed

_KEY_BODY = "MIIEpAIBAAKCAQEA7bq1Hs0wZk3yXn9Qv5Lr2Tt8Uo4Pf6Gd1Ja"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("a.py", "x = 'é ü 你好'\n", [], id="letters"),
        pytest.param(
            "a.py", "access = 'user\u202e \u2066// check\u2069 \u2066'\n", ["bidirectional-control"], id="trojan"
        ),
        pytest.param("a.md", "\u2067\u05e9\u05dc\u05d5\u05dd\u2069 hello\n", [], id="balanced isolates in prose"),
        pytest.param(
            "a.md", "\u2067\u05e9\u05dc\u05d5\u05dd hello\n", ["bidirectional-control"], id="an open isolate in prose"
        ),
        pytest.param("a.md", "\u202etxt.exe\u202c\n", ["bidirectional-control"], id="an override in prose"),
        pytest.param("a.js", "const \u3164 = 1\n", ["invisible-character"], id="Hangul filler"),
        pytest.param("a.py", "x\u200b = 1\n", ["invisible-character"], id="zero-width space"),
        pytest.param("a.py", "\ufeffx = 1\n", [], id="byte order mark"),
        pytest.param("a.py", "x = 1\n\ufeffy = 1\n", ["invisible-character"], id="byte order mark inside"),
        pytest.param("a.py", "x = '👩\u200d💻'\n", [], id="joined emoji"),
        pytest.param("a.py", "x = '\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645'\n", [], id="Persian non-joiner"),
        pytest.param("a.py", "pass\u200cword = 1\n", ["invisible-character"], id="non-joiner between ASCII"),
        pytest.param("a.py", "x = '🏴\U000e0067\U000e0062\U000e007f'\n", [], id="flag of a region"),
        pytest.param("a.py", "x = 'hi\U000e0041\U000e0042'\n", ["invisible-character"], id="tags that hide a message"),
        pytest.param("a.py", "x = '葛\U000e0100'\n", [], id="variant of an ideograph"),
        pytest.param("a.py", "x = 'a\U000e0100\U000e0101'\n", ["invisible-character"], id="bytes in selectors"),
        pytest.param("a.rst", "Title\n=======\ntext\n", [], id="heading"),
        pytest.param("a.c", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n", ["conflict-marker"], id="conflict"),
        pytest.param("a.c", "<<<<<<< a\n||||||| b\n=======\n>>>>>>> c\n", ["conflict-marker"], id="diff3 conflict"),
        pytest.param("a.c", ("<<<<<<< a\n=======\n>>>>>>> c\n") * 2, ["conflict-marker"] * 2, id="two conflicts"),
        pytest.param("a.c", "cout <<<<<<< x;\n>>>>>>> x\n", [], id="no group"),
        pytest.param("a.c", "<<<<<<< HEAD\r\na\r\n=======\r\n>>>>>>> x\r\n", ["conflict-marker"], id="CRLF conflict"),
        pytest.param("k", f"-----BEGIN EC PRIVATE KEY-----\n{_KEY_BODY}\n", ["private-key"], id="key"),
        pytest.param("k", f'"-----BEGIN PRIVATE KEY-----\\n{_KEY_BODY}\\n"\n', ["private-key"], id="key on one line"),
        pytest.param("k", f"-----BEGIN PUBLIC KEY-----\n{_KEY_BODY}\n", [], id="public key"),
        pytest.param(
            "k", "if '-----BEGIN PRIVATE KEY-----' in text:\n    raise KeyError\n", [], id="key's heading alone"
        ),
    ],
)
def test_text_of_any_language(path: str, text: str, expected: list[str]) -> None:
    assert [one.source.rule for one in textual.scan(reviewed(path, text))] == expected


def test_the_message_names_the_character() -> None:
    (one,) = textual.scan(reviewed("a.py", "x = 1\ny\u200b = 2\n"))
    assert (one.line, one.message) == (2, "Line contains U+200B ZERO WIDTH SPACE, which is invisible.")


def test_a_conflict_is_reported_on_its_first_changed_line() -> None:
    text = "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n"
    (one,) = textual.scan(reviewed("a.c", text, frozenset({3, 5})))
    assert one.line == 3


def test_time_is_linear_in_a_hostile_text() -> None:
    text = "-----BEGIN PRIVATE KEY-----\n" * 20_000 + "<<<<<<< a\n" * 20_000 + "\u200b" * 100_000
    assert sum(1 for _ in textual.scan(reviewed("a.py", text))) == 1


def test_code_behind_a_carriage_return_is_reported() -> None:
    text = "a = 1\r\n# approved\rimport os\r\nb = 2\r\n"
    found = list(textual.scan(reviewed("a.py", text)))
    assert [(one.line, one.source.rule) for one in found] == [(2, "carriage-return")]
    assert not list(textual.scan(reviewed("a.md", text)))
    assert not list(textual.scan(reviewed("old_mac.py", "a = 1\rb = 2\r")))
