from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from reviewer import assets
from reviewer.checking import calibration
from reviewer.checking.calibration import Calibration, load, logit, path_of, sigmoid, store

LINE = Calibration(1.5, -0.25, "findings", 40, 12, 0.8, 0.5)


def test_what_is_stored_is_found_for_that_model_and_question_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load("m", "d1") is None
    store("m", "d1", LINE)
    store("m", "d1", dataclasses.replace(LINE, slope=2.0))
    found = load("m", "d1")
    assert found is not None
    assert found.slope == 2.0
    assert load("m", "d2") is None
    assert load("other", "d1") is None
    assert [path.suffix for path in path_of("m", "d1").parent.iterdir()] == [".json"]
    monkeypatch.setattr(assets, "read", lambda name: "Is that so?")
    assert load("m", "d1") is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"model": "other"},
        {"calibration": None},
        {"calibration": {}},
        *(
            {"calibration": dataclasses.asdict(LINE) | {name: value}}
            for name, value in [
                ("slope", 0),
                ("slope", -1.0),
                ("slope", "1"),
                ("slope", True),
                ("intercept", float("nan")),
                ("source", "a guess"),
                ("right", 0),
                ("right", 40),
                ("extra", 1),
            ]
        ),
    ],
)
def test_a_file_that_is_wrong_anywhere_counts_as_none(change: dict[str, Any]) -> None:
    path = store("m", "d", LINE)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    assert load("m", "d") is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"null", b"7", b"[" * 100_000])
def test_a_damaged_file_counts_as_none(content: bytes) -> None:
    path = store("m", "d", LINE)
    path.write_bytes(content)
    assert load("m", "d") is None


def test_probabilities_and_logits() -> None:
    assert LINE.probability(0.0) == pytest.approx(sigmoid(-0.25))
    assert LINE.probability(-1e6) == pytest.approx(0)
    assert LINE.probability(1e6) == 1
    assert sigmoid(logit(0.3)) == pytest.approx(0.3)
    assert logit(1.0) == pytest.approx(-logit(0.0), rel=1e-6)
    assert LINE.source == calibration.FINDINGS
