"""Runs rules on one file; run as a program, so that a rule that takes too long can be ended.

The argument is a file of JSON that ``timed_rules`` writes. Standard output gets one line of JSON for each rule as soon
as it has finished.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from reviewer.evidence import rules
from reviewer.evidence.reviewed import ReviewedFile
from reviewer.evidence.timed_rules import sent
from reviewer.languages import detect


def main(job: str) -> None:
    """Run the rules that the job names, in its order."""
    asked = json.loads(Path(job).read_text(encoding="ascii"))
    path, text = asked["path"], asked["text"]
    file = ReviewedFile(path, detect(path, text), text)
    by_id = {rule.id: rule for rule in rules.applicable(file, Path(asked["folder"]) if asked["folder"] else None)}
    broken: list[str] = []
    for rule, found in rules.run(file, [by_id[one] for one in asked["rules"]], broken):
        reply = {"rule": rule.id, "broken": broken, "found": [sent(one) for one in found]}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
        broken.clear()


if __name__ == "__main__":
    main(sys.argv[1])
