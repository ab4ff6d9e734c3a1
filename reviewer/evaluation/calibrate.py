"""``reviewer eval --calibrate``: how often is a model right when its second opinion says so?

The examples are the model's own findings on labelled changes: right where they stand on a defect's line. A model that
finds too little for that is asked about claims that we make: that a line brings in a defect, of one line of each
labelled defect and of one line of each clean change. What it says of those tells whether it can judge at all; how often
its own findings are right they cannot tell, so the line is then drawn for claims of which every second one is right.

Nothing is stored where the 95% interval of the AUC reaches down to 0.5: a certainty that is not connected with the
truth is worse than none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reviewer.asking.answers import Answerer
from reviewer.checking import calibration
from reviewer.checking.calibration import CLAIMS, FINDINGS, Calibration, sigmoid
from reviewer.evaluation import platt, ranking
from reviewer.evaluation.bootstrap import intervals
from reviewer.evaluation.platt import Example
from reviewer.finding import Category, Finding, Severity
from reviewer.prompting.prompts import Prompts
from reviewer.selection.units import select

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from reviewer.engine.manager import AIModelManager
    from reviewer.engine.profile import ModelProfile
    from reviewer.evaluation.cases import Case
    from reviewer.evaluation.record import Record
    from reviewer.selection.units import ReviewUnit
    from reviewer.terminal.progress import Progress

# Fewer of either say nothing: with ten, the standard error of the AUC is still above 0.1.
LEAST = 10
CLAIM = "This line brings in a defect."
_CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a calibration.

    Attributes:
        source: What the examples are, ``"findings"`` or ``"claims"``.
        examples, right: How many, and how many of those were right.
        auc, interval: Of the logits, with 95% by bootstrap over groups; None where there are too few.
        before, after: Log loss and calibration error of the raw probabilities, and of the fitted ones, cross-validated.
        calibration: What was fitted; None where it is of no use.
        reason: Why it is of no use; empty where it is.
    """

    source: str
    examples: int
    right: int
    auc: float | None = None
    interval: tuple[float, float] | None = None
    before: tuple[float, float] | None = None
    after: tuple[float, float] | None = None
    calibration: Calibration | None = None
    reason: str = ""

    def text(self) -> str:
        """For people, a line each."""
        lines = [f"calibration on {self.examples} {self.source}, {self.right} of them right"]
        if self.auc is not None and self.interval is not None:
            low, high = self.interval
            lines.append(f"  a right one ranks above a wrong one (AUC)  {self.auc:.2f}, 95% {low:.2f} to {high:.2f}")
        for name, pair in (("as it says", self.before), ("fitted, cross-validated", self.after)):
            if pair is not None:
                lines.append(f"  log loss and calibration error {name:24}  {pair[0]:.3f}, {pair[1]:.3f}")
        lines.append(
            f"  nothing is stored: {self.reason}" if self.reason else "  stored: auto asks for second opinions now"
        )
        return "\n".join(lines)


def assess(source: str, examples: Sequence[Example]) -> Outcome:
    """Fit a line, and say whether it is of any use."""
    right = sum(example.right for example in examples)
    outcome = Outcome(source, len(examples), right)
    if min(right, len(examples) - right) < LEAST:
        return dataclasses.replace(outcome, reason=f"it takes {LEAST} right and {LEAST} wrong ones at least")
    truths = [example.right for example in examples]
    raw, held_out = [sigmoid(example.logit) for example in examples], platt.cross_validated(examples)
    auc = platt.auc([e.logit for e in examples if e.right], [e.logit for e in examples if not e.right])
    interval = _interval(examples)
    slope, intercept = platt.fit(examples)
    if source == CLAIMS:  # we chose how many are right; see above
        intercept -= math.log(right / (len(examples) - right))
    outcome = dataclasses.replace(
        outcome,
        auc=auc,
        interval=interval,
        before=(platt.log_loss(raw, truths), platt.calibration_error(raw, truths)),
        after=(platt.log_loss(held_out, truths), platt.calibration_error(held_out, truths)),
    )
    if auc is None or interval is None or interval[0] <= _CHANCE or slope <= 0:
        return dataclasses.replace(outcome, reason="what it says is not connected with what is true")
    fitted = Calibration(slope, intercept, source, len(examples), right, auc, platt.log_loss(held_out, truths))
    return dataclasses.replace(outcome, calibration=fitted)


def of_records(cases: Sequence[Case], records: Iterable[Record]) -> list[Example]:
    """The findings that got a second opinion, folded ones included."""
    by_id = {case.id: case for case in cases}
    return [
        Example(one.logit, any((one.path, one.line) in defect for defect in case.defects), case.group or case.id)
        for record in records
        for case in (by_id[record.case],)
        for one in record.findings
        if one.logit is not None
    ]


def of_dismissed(path: Path, model: str, known: Calibration | None) -> list[Example]:
    """Findings of this model that people dismissed, which were wrong therefore; none where the file cannot be read.

    The last line of a fingerprint counts, and may take it back. A line that is not understood is passed over. Where it
    holds a confidence and no logit, the calibration that is in force is undone.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: dict[str, Example] = {}
    for line in lines:
        try:
            data = json.loads(line)
            name = str(data["fingerprint"])
            mine, logit = data.get("model") == model, _logit(data, known)
            undone = bool(data.get("undone"))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        if undone:
            found.pop(name, None)
        elif mine and logit is not None:
            found[name] = Example(logit, right=False, group=f"dismissed {name}")
    return list(found.values())


def _logit(data: Mapping[str, object], known: Calibration | None) -> float | None:
    given, confidence = data.get("logit"), data.get("confidence")
    if isinstance(given, (int, float)) and not isinstance(given, bool) and math.isfinite(given):
        return float(given)
    if not isinstance(confidence, (int, float)) or isinstance(confidence, bool) or not 0 <= confidence <= 1:
        return None
    said = calibration.logit(confidence)
    return said if known is None else (said - known.intercept) / known.slope


async def of_claims(
    cases: Sequence[Case],
    manager: AIModelManager,
    profile: ModelProfile,
    *,
    overrides: Mapping[str, str] | None = None,
    progress: Progress,
) -> list[Example]:
    """Ask about a line of each defect and of each clean change.

    Raises:
        EngineError: No engine can give any answer.
    """
    prompts = Prompts(profile, overrides or {})
    claims = [claim for case in cases for claim in _claims(case, prompts.unit_chars)]
    answerer = Answerer(manager, profile, cache=None, progress=progress)
    answers = await answerer.ask(
        [prompts.opinion(unit, finding) for unit, finding, _, _ in claims], doing="asking about claims"
    )
    return [
        Example(answer.value.logit, right, group)
        for (_, _, right, group), answer in zip(claims, answers, strict=True)
        if answer.value is not None
    ]


def _claims(case: Case, max_chars: int) -> Iterator[tuple[ReviewUnit, Finding, bool, str]]:
    units = select(case.change, case.texts.get, max_chars=max_chars).units
    lines = [(unit, line) for unit in units for line in unit.anchors if unit.line_text(line).strip()]
    wanted = [[place for place in lines if (place[0].path, place[1]) in defect] for defect in case.defects] or [lines]
    for places in wanted:
        if places:
            # Any of them would do, but always the same one.
            unit, line = min(places, key=lambda place: hashlib.sha256(f"{case.id}:{place[1]}".encode()).digest())
            finding = Finding(unit.path, line, Severity.WARNING, Category.BUG, CLAIM, unit.line_text(line), unit.scope)
            yield unit, finding, not case.clean, case.group or case.id


def _interval(examples: Sequence[Example]) -> tuple[float, float] | None:
    groups: dict[str, Counter[str]] = {}
    for example in examples:
        groups.setdefault(example.group, Counter())[ranking.judged(example.logit, right=example.right)] += 1
    return intervals(list(groups.values()), {"auc": ranking.auc})["auc"]


async def calibrate(
    cases: Sequence[Case],
    records: Iterable[Record],
    manager: AIModelManager,
    *,
    dismissed: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    progress: Progress,
) -> Outcome:
    """Calibrate one model by what it found, or else by claims, and store the line where it is of use.

    Args:
        cases: Labelled changes.
        records: What the model gave on them, second opinions included.
        manager: The model.
        dismissed: What the user dismissed in this repository, as JSON lines; only joins the model's own findings.
        overrides: The repository's own prompt templates by name.
        progress: Hears of the steps.

    Raises:
        EngineError: No engine can give any answer.
        OSError: The line cannot be stored.
    """
    profile = await manager.profile()
    own = [record for record in records if record.model == profile.id and record.weights.startswith(profile.digest)]
    question = (overrides or {}).get(calibration.QUESTION)
    known = calibration.load(profile.id, profile.digest, question)
    examples = of_records(cases, own) + (of_dismissed(dismissed, profile.id, known) if dismissed else [])
    outcome = assess(FINDINGS, examples)
    if outcome.auc is None:
        claims = await of_claims(cases, manager, profile, overrides=overrides, progress=progress)
        outcome = assess(CLAIMS, claims)
    if outcome.calibration is not None:
        calibration.store(profile.id, profile.digest, outcome.calibration, question)
    return outcome
