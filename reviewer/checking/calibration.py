"""From what a model says of its own certainty to how often it is right: a line through the logits, kept per model.

``reviewer eval --calibrate`` fits it, ``confidence`` uses it. One JSON file per model lies in the user's data folder.
It belongs to one question asked of one set of weights: after another wording, or with other weights, it is not found.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer import assets, paths

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = "base/opinion.j2"
FINDINGS, CLAIMS = "findings", "claims"
_FORMAT = 1
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Calibration:
    """P(right) = sigmoid(slope * logit + intercept); Platt (1999), Probabilistic Outputs for Support Vector Machines.

    Attributes:
        slope, intercept: Of the line. A slope at or below 0 is never stored: it would mean that no means yes.
        source: What it was fitted on: the model's own findings, or claims about known lines.
        examples, right: How many, and how many of those were right.
        auc: How often a right one got the higher logit than a wrong one, on examples that were left out of the fit.
        log_loss: Mean of -ln P(what is true), left out likewise.
    """

    slope: float
    intercept: float
    source: str
    examples: int
    right: int
    auc: float
    log_loss: float

    def probability(self, logit: float) -> float:
        """How likely it is right, 0 to 1."""
        return sigmoid(self.slope * logit + self.intercept)


def sigmoid(logit: float) -> float:
    """The probability of a logit, without overflow at either end."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    odds = math.exp(max(logit, -700.0))
    return odds / (1 + odds)


def logit(probability: float) -> float:
    """The logit of a probability; those of 0 and 1 are bounded."""
    bounded = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(bounded / (1 - bounded))


def load(model: str, digest: str, question: str | None = None) -> Calibration | None:
    """The calibration of a model; None where there is none that can be trusted in every field.

    Args:
        model: The model's id.
        digest: What tells its weights apart.
        question: The template of the question where it is not the packaged one.
    """
    try:
        raw = path_of(model, digest, question).read_bytes()
        data = json.loads(raw[:_MOST_BYTES])
        if data["format"] != _FORMAT or (data["model"], data["digest"]) != (model, digest):
            return None
        found = Calibration(**data["calibration"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return found if _is_sound(found) else None


def store(model: str, digest: str, calibration: Calibration, question: str | None = None) -> Path:
    """Keep the calibration of a model, in place of an earlier one; see ``load``.

    Raises:
        OSError: It cannot be written.
    """
    path = path_of(model, digest, question)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"format": _FORMAT, "model": model, "digest": digest, "calibration": dataclasses.asdict(calibration)}
    aside = path.with_suffix(f".{os.getpid()}.tmp")
    aside.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)
    return path


def path_of(model: str, digest: str, question: str | None = None) -> Path:
    """Where a model's calibration lies: its name tells model, weights and question apart."""
    parts = "\0".join((model, digest, question or assets.read(f"prompts/{QUESTION}")))
    return paths.data_dir() / "calibration" / f"{hashlib.sha256(parts.encode()).hexdigest()[:16]}.json"


def _is_sound(found: Calibration) -> bool:
    numbers = (found.slope, found.intercept, found.examples, found.right, found.auc, found.log_loss)
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in numbers):
        return False
    return found.source in (FINDINGS, CLAIMS) and found.slope > 0 and 0 < found.right < found.examples
