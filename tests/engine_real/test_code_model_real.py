"""The embedded code model in int8 on real vLLM: it reviews, completes, and takes the memory that was planned.

Its download is 1.1 GB, so this runs where the model is installed already, or with ``REVIEWER_TEST_MODEL=1.5b``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reviewer import AIModelManager, ModelConfig
from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.engine.models.store import ModelStore
from reviewer.engine.planning.figures import install_form
from reviewer.engine.server import registry
from tests.engine_real.conftest import _KEPT, _as_the_user, _Steps

_NAME = os.environ.get("REVIEWER_TEST_MODEL") or "1.5b"
_STORE = ModelStore(_KEPT / "data" / "models")

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.anyio,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "REVIEWER_TEST_MODEL" not in os.environ and not _STORE.has(EMBEDDED_MODELS[_NAME]),
        reason="downloads 1.1 GB: set REVIEWER_TEST_MODEL=1.5b",
    ),
]

BEFORE = '''def mean(values):
    """Return the arithmetic mean of a list of numbers, 0 for an empty one."""
    total = '''
AFTER = """
    return total / len(values) if values else 0
"""


@pytest.fixture
def config(engine_python: Path) -> ModelConfig:
    """The code model, installed in the form of this machine's plan."""
    config = ModelConfig(embedded=_NAME, engine_python=str(engine_python), temperature=0)
    with _as_the_user(_KEPT):
        _STORE.install(config.model_id, form=install_form(config), progress=_Steps())
    data = Path(os.environ["REVIEWER_HOME"]) / "data"
    data.mkdir(parents=True)
    (data / "models").symlink_to(_STORE.root, target_is_directory=True)
    return config


async def test_the_code_model_answers_completes_and_keeps_to_its_plan(config: ModelConfig) -> None:
    async with AIModelManager(config) as manager:
        profile = await manager.profile()
        assert (profile.id, profile.few_shot, profile.bounds.quote_chars) == (EMBEDDED_MODELS[_NAME], False, 0)
        inserted = await manager.generate_code_completion(BEFORE + AFTER, len(BEFORE), language="python", timeout=300)
        scope: dict[str, Any] = {}
        exec(BEFORE + inserted + AFTER, scope)
        assert scope["mean"]([2, 4]) == 3
        assert "mean" in await manager.explain_code(BEFORE + inserted + AFTER, timeout=300)
        (state,) = registry.running()
        assert state.memory_bytes is not None
        assert state.memory_bytes <= manager.get_model_status()["memory"]["planned_bytes"]
    assert registry.running() == []
