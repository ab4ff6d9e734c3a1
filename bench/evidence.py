"""Measure what rules and analyzers find by themselves, without a model.

    python bench/evidence.py bench/cases
    python bench/evidence.py ../real_hunks.jsonl --list-alarms alarms.txt

Reads cases as `reviewer eval` does: folders of TOML files, or JSONL files; several are counted together. Prints recall,
precision, false alarms per 100 clean changes, the share of findings with a proven fix, each with a 95% bootstrap
interval, in all, by language and by source, and the median seconds of a case. A finding counts as right where it stands
on a labelled line. Findings on the other lines of a faulty change count against precision only.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import table
from shares import Counts, Share, shares

from reviewer.errors import ReviewerError
from reviewer.evaluation.cases import load
from reviewer.evidence import Options, Side, collect
from reviewer.evidence.fixing import with_own_fix
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reviewer.evaluation.cases import Case
    from reviewer.finding import Finding

_MEASURES = {
    "recall": ("hit", "defects"),
    "precision": ("right", "findings"),
    "false_alarms": ("alarmed", "clean"),
    "proven_fixes": ("proven", "findings"),
}


@dataclasses.dataclass(frozen=True)
class Result:
    """What was found in one case."""

    case: Case
    findings: tuple[Finding, ...]
    seconds: float
    notes: tuple[str, ...]

    @property
    def missed(self) -> int:
        """How many of the defects no finding stands on."""
        places = {(one.path, one.line) for one in self.findings}
        return sum(not places & defect for defect in self.case.defects)

    def counts(self, findings: Sequence[Finding]) -> Counts:
        """Count a part of the findings."""
        defects = self.case.defects
        places = {(one.path, one.line) for one in findings}
        return Counter(
            defects=len(defects),
            hit=sum(bool(places & defect) for defect in defects),
            findings=len(findings),
            right=sum(any((one.path, one.line) in defect for defect in defects) for one in findings),
            proven=sum(one.suggestion is not None for one in findings),
            clean=int(self.case.clean),
            alarmed=int(self.case.clean and bool(findings)),
        )


def measure(case: Case, options: Options | None = None) -> Result:
    """Collect the evidence of one case and prove the fixes that it brings; a fix without proof is left out."""
    options = options or Options()
    source = case.source
    new = Side(source.new, source.paths)
    start = time.perf_counter()
    found = collect(case.change, new, Side(source.old), options)
    findings = tuple(
        with_own_fix(one, text, detect(one.path, text).name, options, new)
        for one in found.findings
        if (text := case.texts.get(one.path)) is not None
    )
    return Result(case, findings, time.perf_counter() - start, found.notes)


def report(results: Sequence[Result]) -> dict[str, Any]:
    """Work out every measure, in all, by language and by source."""
    languages = sorted({one.case.language for one in results})
    sources = sorted({source.name for one in results for finding in one.findings for source in finding.sources})
    return {
        "cases": len(results),
        "median_seconds": statistics.median(one.seconds for one in results),
        "all": _figures(results),
        "by_language": {name: _figures([one for one in results if one.case.language == name]) for name in languages},
        "by_source": {name: _figures(results, name) for name in sources},
        "missed": _missed(results),
        "notes": sorted({note for one in results for note in one.notes}),
    }


def _figures(results: Sequence[Result], source: str | None = None) -> dict[str, Share]:
    def own(one: Result) -> list[Finding]:
        return [item for item in one.findings if source is None or source in {each.name for each in item.sources}]

    return shares(((one.case.group, one.counts(own(one))) for one in results), _MEASURES)


def _missed(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    """The kinds of the defects that nothing was found on, by language."""
    missed: dict[str, Counts] = {}
    for one in results:
        if one.missed:
            missed.setdefault(one.case.language, Counter())[one.case.kind] += one.missed
    return {language: dict(sorted(kinds.items())) for language, kinds in sorted(missed.items())}


def alarms(results: Iterable[Result]) -> str:
    """Write each finding on a clean change, with the lines around it, for a person to judge."""
    blocks = []
    for one in results:
        for finding in one.findings if one.case.clean else ():
            lines = one.case.texts[finding.path].split("\n")
            first = max(finding.line - 4, 0)
            shown = [
                f"{'>' if number == finding.line else ' '} {number:5} {text}"
                for number, text in enumerate(lines[first : finding.line + 3], first + 1)
            ]
            rules = ", ".join(f"{source.name} {source.rule}" for source in finding.sources)
            blocks.append("\n".join((one.case.id, f"{rules}: {finding.message}", *shown)))
    return "".join(f"{block}\n\n" for block in blocks)


def _printed(figures: Mapping[str, Share]) -> str:
    parts = [f"{key.replace('_', ' ')} {share}" for key, share in figures.items() if share.whole]
    return "; ".join(parts) or "nothing to measure"


def _text(made: Mapping[str, Any]) -> str:
    rows = [(f"all {made['cases']} cases", _printed(made["all"]))]
    rows += [(name or "unknown language", _printed(figures)) for name, figures in made["by_language"].items()]
    rows += [(f"source {name}", _printed(figures)) for name, figures in made["by_source"].items()]
    rows += [("median seconds", f"{made['median_seconds']:.2f}")]
    rows += [
        (f"missed, {language}", ", ".join(f"{kind} {count}" if count > 1 else kind for kind, count in kinds.items()))
        for language, kinds in made["missed"].items()
    ]
    return table([*rows, *(("note", note) for note in made["notes"])])


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASES", help="a folder of TOML files, or a JSONL file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--list-alarms", type=Path, metavar="FILE", help="write the findings on clean changes")
    parser.add_argument("--rules-only", action="store_true", help="leave out the analyzers")
    arguments = parser.parse_args()
    options = Options(analyzers=()) if arguments.rules_only else Options()
    try:
        results = [measure(case, options) for path in arguments.cases for case in load(path)]
    except ReviewerError as problem:
        sys.exit(problem.message)
    if arguments.list_alarms:
        arguments.list_alarms.write_text(alarms(results), encoding="utf-8")
    made = report(results)
    print(json.dumps(made, indent=2, default=Share.record) if arguments.json else _text(made))


if __name__ == "__main__":
    main()
