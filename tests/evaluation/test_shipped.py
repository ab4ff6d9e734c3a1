"""The cases that this project ships: enough of them, of many languages, and none that is broken by itself."""

from __future__ import annotations

import pytest

from reviewer import syntax
from reviewer.evaluation.cases import Case, load
from reviewer.languages import LANGUAGES, detect
from tests.conftest import PROJECT

CASES = load(PROJECT / "bench" / "cases")


def test_there_are_enough_of_both_kinds() -> None:
    assert len(CASES) >= 40
    assert len({case.language for case in CASES}) >= 8
    assert len({case.kind for case in CASES if not case.clean}) >= 12
    assert len(CASES) / 3 <= sum(case.clean for case in CASES) <= len(CASES) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_is_sound(case: Case) -> None:
    assert case.language in LANGUAGES
    assert case.reference.endswith(".")
    assert ("clean" in case.id.split("-")) == case.clean
    for path, text in case.texts.items():
        assert detect(path, text.partition("\n")[0]).name == case.language
        assert not syntax.new_errors(case.language, "", text)
