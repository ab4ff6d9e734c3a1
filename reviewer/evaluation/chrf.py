"""How near a text is to a reference: chrF, the F-score of character n-grams (Popović 2015), by sacrebleu."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.errors import UsageError

Metric = Callable[[str, str], float]
"""Compares a text with its reference: 0 to 100."""


def metric() -> Metric:
    """Return the metric.

    Raises:
        UsageError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise UsageError(
            "explanations are compared by sacrebleu, which is not installed",
            hint="pip install 'vllm-reviewer[eval]'",
        ) from error
    chrf = CHRF()

    def score(text: str, reference: str) -> float:
        return float(chrf.sentence_score(text, [reference]).score)

    return score
