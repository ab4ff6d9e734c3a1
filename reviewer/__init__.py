"""A Git review bot that runs a local vLLM model and never leaves the machine.

The names below are loaded when they are first used, so that ``import reviewer`` and ``reviewer --version`` stay cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reviewer.engine.config import ModelConfig
    from reviewer.engine.manager import AIModelManager
    from reviewer.engine.models.store import ModelStore
    from reviewer.finding import Finding, Review, Severity
    from reviewer.review import review_change

__all__ = [
    "AIModelManager",
    "Finding",
    "ModelConfig",
    "ModelStore",
    "Review",
    "Severity",
    "__version__",
    "review_change",
]

__version__ = "0.1.0"

_HOMES = {
    "AIModelManager": ("reviewer.engine.manager", "AIModelManager"),
    "Finding": ("reviewer.finding", "Finding"),
    "ModelConfig": ("reviewer.engine.config", "ModelConfig"),
    "ModelStore": ("reviewer.engine.models.store", "ModelStore"),
    "Review": ("reviewer.finding", "Review"),
    "Severity": ("reviewer.finding", "Severity"),
    "review_change": ("reviewer.review", "review_change"),
}


def __getattr__(name: str) -> Any:
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'reviewer' has no attribute {name!r}") from None
    import importlib

    return getattr(importlib.import_module(module), attribute)
