from __future__ import annotations

import pytest

from reviewer.checking.nits import is_nit


@pytest.mark.parametrize(
    "message",
    [
        "This line is too long.",
        "The line exceeds 80 characters.",
        "Trailing whitespace.",
        "The function has no docstring.",
        "Consider adding a comment here.",
        "The method should have type annotations.",
        "Missing type hints on the parameters.",
        "Variable names should be more descriptive.",
        "Function names use snake_case in Python.",
        "Unused import os.",
        "Imports should be sorted.",
        "Use double quotes for strings.",
        "60 is a magic number.",
        "No newline at end of file.",
    ],
)
def test_form_alone_is_a_nit(message: str) -> None:
    assert is_nit(message)


@pytest.mark.parametrize(
    "message",
    [
        "Divides by zero when values is empty.",
        "The name shadows the built-in list, so the call below fails.",
        "The key is camelCase here and snake_case in the schema, so the lookup returns None.",
        "An unused variable: the error of close() is ignored.",
        "Formatting a naive datetime gives the wrong day near midnight.",
        "A missing comma joins both strings, so the second host is never tried.",
        "The quote of the argument is not escaped.",
        "",
    ],
)
def test_what_goes_wrong_is_none(message: str) -> None:
    assert not is_nit(message)
