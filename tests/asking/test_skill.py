from __future__ import annotations

import pytest

from reviewer import paths
from reviewer.asking import skill
from reviewer.engine.profile import ModelProfile

PROFILE = ModelProfile("model", "digest", 4096)


@pytest.mark.parametrize(("setting", "expected"), [("on", True), ("off", False), ("auto", False)])
def test_a_model_that_was_not_measured_is_asked_only_on_request(setting: str, *, expected: bool) -> None:
    assert skill.finds(setting, PROFILE) is expected


@pytest.mark.parametrize(
    ("low", "alarms", "expected"), [(0.05, 0.1, True), (0.05, 0.11, False), (0.0, 0.0, False), (-0.2, 0.05, False)]
)
def test_skill_must_be_certain_and_alarms_few(low: float, alarms: float, *, expected: bool) -> None:
    skill.record("model", "digest", skill_low=low, false_alarms=alarms)
    assert skill.finds("auto", PROFILE) is expected
    assert skill.finds("off", PROFILE) is False
    assert skill.finds("auto", ModelProfile("model", "other weights", 4096)) is False


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"model@digest": 1}', b"\xff"])
def test_a_damaged_record_counts_as_none(content: bytes) -> None:
    path = paths.data_dir() / "skill.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert skill.finds("auto", PROFILE) is False
