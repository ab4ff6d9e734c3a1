from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.summarise.commit_message import comment_of, fitted, gives_orders, has_text, placed

if TYPE_CHECKING:
    from tests.repo import Repo

HINTS = b"\n# Please enter the commit message for your changes.\n#\n# On branch main\n"
SCISSORS = b"# ------------------------ >8 ------------------------\n# Do not modify or remove the line above.\n"


@pytest.mark.parametrize(
    ("subject", "body", "text"),
    [
        ("Guard average", "", "Guard average\n"),
        ("Guard\n average ", "\n", "Guard average\n"),
        ("Guard average", "One line.", "Guard average\n\nOne line.\n"),
        ("S", "one\ntwo\n\nthree", "S\n\none two\n\nthree\n"),
        ("S", "- one\n- two\n  and more\n\nlast", "S\n\n- one\n- two and more\n\nlast\n"),
        ("S", "* one", "S\n\n- one\n"),
        ("S", "intro:\n- one", "S\n\nintro:\n- one\n"),
        ("# not a comment", "#1\nx", " # not a comment\n\n #1 x\n"),
        ("a\x1b[31mb", "c\u202ed\r\ne", "a<U+001B>[31mb\n\nc<U+202E>d e\n"),
        ("S", "token = 'ghp_aB3dE5gH7jK9mN1pQ4sT6vX8zA2cD0fG5iJ7'", "S\n\ntoken = 'ghp_…'\n"),
    ],
)
def test_fitted(subject: str, body: str, text: str) -> None:
    assert fitted(subject, body) == text


def test_a_body_is_wrapped_and_an_item_hangs() -> None:
    lines = fitted("S", "word " * 40 + "\n- " + "item " * 30).splitlines()
    assert max(map(len, lines)) <= 72
    items = lines[lines.index(next(line for line in lines if line.startswith("- "))) :]
    assert len(items) > 1
    assert all(line.startswith("  item") for line in items[1:])


def test_another_comment_character() -> None:
    assert fitted(";x", "# y", ";") == " ;x\n\n# y\n"
    assert fitted("//x", "", "//") == " //x\n"


@given(st.text(), st.text(), st.sampled_from(["#", ";", "//"]))
def test_whatever_a_model_says_no_line_is_dropped_by_git(subject: str, body: str, comment: str) -> None:
    text = fitted(subject, body, comment)
    assert text.endswith("\n")
    assert not any(line.startswith(comment) for line in text.split("\n"))
    assert all(letter.isprintable() or letter in "\n " or letter > "\x9f" for letter in text)


@pytest.mark.parametrize(
    "text",
    [
        "Fix average\n\nCloses #12", "See GH-7", "Fixes https://example.org/x/1", "Resolve !42",
        "Fix average [skip ci]", "Fix [ci skip]", "Fix [no ci]", "Fix [skip actions]", "x ***NO_CI***",
        "skip-checks: true",
        "x\n\nSigned-off-by: A <a@example.org>", "x\n\nCo-Authored-By : A", "x\n\nReviewed-by: me", "Change-Id: I1",
        "BREAKING CHANGE: all", "fixup! Fix average", "squash! x", "amend! x", "x\n\n---\ny", "x\ndiff --git a b",
        "PROJ-1 #close", "::error file=x::y", "x\n ::add-mask::y", "x ##[error]y",
    ],
)  # fmt: skip
def test_orders(text: str) -> None:
    assert gives_orders(text)


@pytest.mark.parametrize(
    "text",
    [
        "Fix average of an empty list", "Add missing #include", "Use std::move in ::close()", "Read C# and F# sources",
        "Handle SHA-256 and UTF-8", "Drop the fixup! prefix", "x\n\n- one\n- two", "Skip the tests of [skip] lists",
        "Add @property to Stack", "Explain why: it breaks", "Close the file", "Use a -- b", "Reject 3 != 4",
        "a[no_index]",
    ],
)  # fmt: skip
def test_plain_words_are_no_orders(text: str) -> None:
    assert not gives_orders(text)


@pytest.mark.parametrize(
    ("file", "configured", "comment"),
    [
        (HINTS, "#", "#"),
        (HINTS, "", "#"),
        (HINTS.replace(b"#", b";"), ";", ";"),
        (HINTS.replace(b"#", b"//"), "//", "//"),
        (HINTS, "auto", "#"),
        (HINTS.replace(b"#", b";"), "auto", ";"),
        (b"", "auto", "#"),
        (b"text\n", "auto", "#"),
        (HINTS.replace(b"#", b";") + SCISSORS.replace(b"#", b";") + b"diff --git a/x b/x\n+# y\n", "auto", ";"),
    ],
)
def test_comment_of(file: bytes, configured: str, comment: str) -> None:
    assert comment_of(file, configured) == comment


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (b"", False),
        (HINTS, False),
        (b"\n\n", False),
        (b"\r\n# x\r\n", False),
        (HINTS + SCISSORS + b"diff --git a/x b/x\n+y\n", False),
        (b"Mine\n" + HINTS, True),
        (HINTS + b"Mine\n", True),
        (b"\n; x\n", True),
        (b"caf\xe9\n", True),
    ],
)
def test_has_text(file: bytes, text: bool) -> None:
    assert has_text(file, "#") is text


@pytest.mark.parametrize(
    ("file", "result"),
    [
        (HINTS, b"S\n\n# R\n" + HINTS),
        (b"", b"S\n"),
        (b"\n", b"S\n\n"),
        (b"# x\n", b"S\n\n# R\n\n# x\n"),
        (b"\r\n# caf\xe9\r\n", b"S\n\n# R\n\r\n# caf\xe9\r\n"),
    ],
)
def test_the_rest_of_the_file_stays_byte_for_byte(file: bytes, result: bytes) -> None:
    found = placed(file, "S\n", "#", remark="R")
    assert found == result
    assert found.endswith(file)


def test_another_encoding() -> None:
    assert placed(b"", "größe\n", "#", encoding="iso-8859-1") == "größe\n".encode("latin-1")
    with pytest.raises(UnicodeEncodeError):
        placed(b"", "漢\n", "#", encoding="iso-8859-1")


@pytest.mark.parametrize("comment", ["#", ";", "auto"])
def test_git_itself_keeps_every_line(comment: str, repo: Repo) -> None:
    """What git's own clean-up leaves of a laid-out message is the message."""
    message = fitted("# subject", "#1 body\n\n; more\n- item", "#" if comment == "auto" else comment)
    done = subprocess.run(
        ["git", "-c", f"core.commentChar={comment}", "stripspace", "--strip-comments"],
        cwd=repo.root, input=placed(b"", message, "#").decode(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == message
