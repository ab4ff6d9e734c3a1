"""The cases that this project ships: enough of them, of many languages, and none that is broken by itself."""

from __future__ import annotations

import tomllib

import pytest

from reviewer import syntax
from reviewer.evaluation.cases import Case, load
from reviewer.languages import LANGUAGES, detect
from tests.conftest import PROJECT

FOLDER = PROJECT / "bench" / "cases"
CASES = load(FOLDER)


def test_there_are_enough_of_both_kinds() -> None:
    assert len(CASES) >= 120
    assert len({case.language for case in CASES}) >= 14
    assert len({case.kind for case in CASES if not case.clean}) >= 30
    assert len(CASES) / 3 <= sum(case.clean for case in CASES) <= len(CASES) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_is_sound(case: Case) -> None:
    assert case.language in LANGUAGES
    assert case.reference.endswith(".")
    assert ("clean" in case.id.split("-")) == case.clean
    for path, text in case.texts.items():
        assert detect(path, text.partition("\n")[0]).name == case.language
        assert not syntax.new_errors(case.language, "", text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_old_side_parses(case: Case) -> None:
    data = tomllib.loads((FOLDER / f"{case.id}.toml").read_text(encoding="utf-8"))
    for file in data["file"]:
        assert not syntax.new_errors(case.language, "", file.get("before", ""))
