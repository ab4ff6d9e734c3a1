"""A change of two files in two languages, with a bug and with something left to do."""

from __future__ import annotations

BEFORE: dict[str, str | bytes] = {
    "stats.py": '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    if not values:
        return 0
    return sum(values) / len(values)
''',
    "cart.js": """\
export function total(items) {
  let sum = 0;
  for (let i = 0; i < items.length; i++) {
    sum += items[i].price;
  }
  return sum;
}
""",
}

STAGED: dict[str, str | bytes] = {
    "stats.py": '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    total = sum(values)
    return total / len(values)


def largest(values):
    """Return the largest value; None for an empty list."""
    raise NotImplementedError
''',
    "cart.js": """\
export function total(items) {
  let sum = 0;
  for (let i = 1; i < items.length; i++) {
    sum += items[i].price;
  }
  return sum;
}
""",
}

# The lines of the new side that the change touches.
CHANGED = {"stats.py": {3, 4, 5, 6, 7, 8, 9}, "cart.js": {3}}
UNFINISHED = ("stats.py", 9)
