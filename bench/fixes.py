"""Measure for how many findings of rules and analyzers a proven fix is shown, without and with a model.

    python bench/fixes.py bench/cases                       the fixes that rules and analyzers bring themselves
    python bench/fixes.py bench/cases --embedded=1.5b --log fixes.txt

Reads cases as `bench/evidence.py` does. The model is asked for fixes alone, with the requests of a review, and each
sample is proven as in a review. Answers are cached, so that an interrupted run continues. Prints the share of findings
with a proven fix in all and by language, with 95% bootstrap intervals, and the seconds of a finding. `--log` gets every
sample with the verdict about it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import table
from evidence import measure
from shares import Counts, Share, answered, shares

from reviewer.config import Settings
from reviewer.errors import ReviewerError
from reviewer.evaluation.cases import load
from reviewer.evidence import Options, Side
from reviewer.evidence.fixing import attempts
from reviewer.languages import detect
from reviewer.prompting import fix
from reviewer.terminal import output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reviewer.evaluation.cases import Case
    from reviewer.evidence.proof import Proof
    from reviewer.finding import Finding, Suggestion
    from reviewer.prompting.prompts import Prompts
    from reviewer.prompting.request import Request


@dataclass
class Outcome:
    """One finding and the fixes that were tried for it."""

    case: Case
    finding: Finding
    language: str
    own: bool
    tried: tuple[tuple[Suggestion, Proof], ...] = ()
    unreadable: tuple[str, ...] = field(default=())

    @property
    def proven(self) -> bool:
        """Whether a fix would be shown."""
        return self.own or any(proof.proven for _, proof in self.tried)


def found(cases: Sequence[Case]) -> list[Outcome]:
    """Collect the findings of all cases, with the fixes that rules and analyzers bring."""
    return [
        Outcome(case, one, detect(one.path, case.texts[one.path]).name, one.suggestion is not None)
        for case in cases
        for one in measure(case).findings
    ]


async def ask(outcomes: Sequence[Outcome], settings: Settings, *, known: bool) -> tuple[list[Outcome], float]:
    """Ask the model for the fixes that are missing, and prove them.

    Args:
        outcomes: The findings without a fix of their own.
        settings: Which model to ask.
        known: Start no engine, and leave out the findings that an earlier run did not get to.

    Returns:
        The findings that were asked about, and the seconds that this took, the start of an engine included.
    """
    texts = [one.case.texts[one.finding.path] for one in outcomes]

    def requests(prompts: Prompts) -> list[Request]:
        each = [
            fix.requests(prompts, one.finding, text, one.language) for one, text in zip(outcomes, texts, strict=True)
        ]
        # The likeliest answers first, so that an interrupted run says something about every finding.
        return [one for draws in zip(*each, strict=True) for one in draws]

    began = time.perf_counter()
    answers = await answered(settings, requests, known=known)
    asked = []
    for number, (one, text) in enumerate(zip(outcomes, texts, strict=True)):
        own = [answer for answer in answers[number :: len(outcomes)] if answer is not None]
        if not own:
            continue
        asked.append(one)
        samples = [answer.value for answer in own if answer.value is not None]
        one.unreadable = tuple(answer.reason for answer in own if answer.reason)
        side = Side(one.case.source.new, one.case.source.paths)
        one.tried = attempts(one.finding, samples, text, one.language, options=Options(), side=side)
    return asked, time.perf_counter() - began


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Work out the shares, in all and by language."""
    languages = sorted({one.language for one in outcomes})
    return {
        "all": _shares(outcomes),
        "by_language": {name: _shares([one for one in outcomes if one.language == name]) for name in languages},
        "refusals": Counter(proof.said for one in outcomes if not one.proven for _, proof in one.tried).most_common(),
    }


def _shares(outcomes: Sequence[Outcome]) -> dict[str, Share]:
    counted = ((one.case.group, Counts(findings=1, proven=int(one.proven), own=int(one.own))) for one in outcomes)
    return shares(counted, {"proven": ("proven", "findings"), "without a model": ("own", "findings")})


def _text(made: Mapping[str, Any]) -> str:
    rows = [(name, _printed(figures)) for name, figures in {"all": made["all"], **made["by_language"]}.items()]
    return table([*rows, *((f"{count} refused", said) for said, count in made["refusals"])])


def _printed(figures: Mapping[str, Share]) -> str:
    return f"{figures['proven']} proven, {figures['without a model'].part} without a model"


def log(outcomes: Sequence[Outcome]) -> str:
    """Write every sample with its verdict, for a person to judge."""
    blocks = []
    for one in outcomes:
        rules = ", ".join(f"{source.name} {source.rule}" for source in one.finding.sources)
        head = f"## {one.case.id} [{one.language}] {rules}: {one.finding.message}"
        state = "own fix" if one.own else "PROVEN" if one.proven else "NONE"
        parts = [head, f"{one.finding.line}: {one.finding.line_text.strip()}", state]
        if one.own and one.finding.suggestion is not None:
            parts += [one.finding.suggestion.original, "=>", one.finding.suggestion.replacement]
        for suggestion, proof in one.tried:
            parts += [f"-- {proof.said}", suggestion.original, "=>", suggestion.replacement]
        blocks.append("\n".join((*parts, *(f"-- unreadable: {why}" for why in one.unreadable))))
    return "\n\n".join(blocks) + "\n"


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASES", help="a folder of TOML files, or a JSONL file")
    parser.add_argument("--embedded", metavar="NAME", help="ask this embedded model: 1.5b, 0.5b or 135m")
    parser.add_argument("--known", action="store_true", help="only what an interrupted run has answered")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write every sample with its verdict")
    arguments = parser.parse_args()
    try:
        outcomes = found([case for path in arguments.cases for case in load(path)])
        missing = [one for one in outcomes if not one.own]
        random.Random(1).shuffle(missing)
        if arguments.embedded:
            settings = Settings(embedded=arguments.embedded, timeout=900.0)
            asked, seconds = asyncio.run(ask(missing, settings, known=arguments.known))
            output.note(f"{seconds:.0f} s for {len(asked)} of {len(missing)} findings, proofs included")
            outcomes = [one for one in outcomes if one.own or one in asked]
    except ReviewerError as problem:
        sys.exit(problem.message)
    if arguments.log:
        arguments.log.write_text(log(outcomes), encoding="utf-8")
    made = report(outcomes)
    print(json.dumps(made, indent=2, default=Share.record) if arguments.json else _text(made))


if __name__ == "__main__":
    main()
