"""Tries every attack of ``tests/attacks`` and writes the table of ``docs/reliability.md``.

Usage, from the checkout: ``python -m bench.attacks [--dry-run]``. The model is a server that obeys the attacker.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.tables import write_table
from tests.attacks import running
from tests.attacks.catalog import ATTACKS
from tests.fake_engine import FakeEngine, Script

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"


async def _gained(engine: FakeEngine, folder: Path) -> dict[str, list[str]]:
    """What the attacks gained, by their ids; those that failed are left out."""
    honest = await running.outcome(None, folder / "honest", url=engine.endpoint.url)
    gained = {}
    for number, attack in enumerate(ATTACKS):
        engine.update(*running.rules_for(attack))
        attacked = await running.outcome(attack, folder / str(number), url=engine.endpoint.url)
        if found := running.faults(honest, attacked):
            gained[attack.id] = found
            print(attack.id, *found, sep="\n  ", file=sys.stderr)
    return gained


def table(gained: dict[str, list[str]]) -> str:
    """The results by kind of attack, as Markdown."""
    tried = Counter(attack.kind for attack in ATTACKS)
    failed = Counter(attack.kind for attack in ATTACKS if attack.id in gained)
    rows = [f"| {kind} | {count} | {count - failed[kind]} | {failed[kind]} |" for kind, count in tried.items()]
    total = f"| all | {len(ATTACKS)} | {len(ATTACKS) - len(gained)} | {len(gained)} |"
    return "\n".join(("| attack | tried | held | gained something |", "| --- | ---: | ---: | ---: |", *rows, total))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="print the table only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FakeEngine(Script(rules=running.rules_for(None)), tcp=True) as engine:
        os.environ["REVIEWER_HOME"] = str(Path(folder) / "home")
        gained = asyncio.run(_gained(engine, Path(folder)))
    found = table(gained)
    print(found)
    if not arguments.dry_run:
        write_table(_PAGE, "attacks", found)
    return 1 if gained else 0


if __name__ == "__main__":
    sys.exit(main())
