"""A made-up commit in several languages, whose hunks change one to eight lines each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common import git

if TYPE_CHECKING:
    from pathlib import Path

_PER_FILE = 5
_STEPS = 12
_MOST_LINES = 8  # changed in one hunk

# By ending: how a function begins, one of its steps, and how it ends.
_LANGUAGES = {
    "py": (
        "def weigh_{n}(values, weights):\n    total = sum(values)",
        "    total += weights[{i}] * {k}",
        "    return total",
    ),
    "js": (
        "function weigh{n}(values, weights) {{\n  let total = values.length;",
        "  total += weights[{i}] * {k};",
        "  return total;\n}}",
    ),
    "go": (
        "func weigh{n}(values, weights []float64) float64 {{\n\ttotal := float64(len(values))",
        "\ttotal += weights[{i}] * {k}",
        "\treturn total\n}}",
    ),
    "rs": (
        "fn weigh_{n}(values: &[f64], weights: &[f64]) -> f64 {{\n    let mut total = values.len() as f64;",
        "    total += weights[{i}] * {k}.0;",
        "    total\n}}",
    ),
    "sh": ('weigh_{n}() {{\n  total="$1"', "  total=$((total + $2 * {k} + {i}))", '  echo "$total"\n}}'),
}


def stage(repo: Path, units: int) -> None:
    """Make a repository in which a change of ``units`` hunks is staged."""
    repo.mkdir()
    git(repo, "init", "-q")
    _write(repo, units, changed=False)
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "first")
    _write(repo, units, changed=True)
    git(repo, "add", "-A")


def _write(repo: Path, units: int, *, changed: bool) -> None:
    for number in range(0, units, _PER_FILE):
        ending = list(_LANGUAGES)[number // _PER_FILE % len(_LANGUAGES)]
        functions = [_function(ending, n, changed=changed) for n in range(number, min(number + _PER_FILE, units))]
        (repo / f"module_{number // _PER_FILE}.{ending}").write_text("\n\n\n".join(functions) + "\n")


def _function(ending: str, number: int, *, changed: bool) -> str:
    head, step, tail = _LANGUAGES[ending]
    lines = number % _MOST_LINES + 1 if changed else 0
    steps = [step.format(i=i, k=number + i + (i < lines)) for i in range(_STEPS)]
    return "\n".join((head.format(n=number), *steps, tail.format()))
