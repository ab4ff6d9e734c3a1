from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer import diff
from reviewer.diff import LineKind
from reviewer.selection.units import ReviewUnit, fitted, halve, select

if TYPE_CHECKING:
    from tests.repo import Repo


def no_text(path: str) -> str | None:
    return None


def staged(repo: Repo, before: str, after: str, name: str = "a.py") -> diff.Change:
    repo.commit(files={name: before})
    repo.stage({name: after})
    return diff.parse(repo.git("diff", "--cached", "--no-color"), "staged changes")


def units(change: diff.Change, max_chars: int = 10_000) -> tuple[ReviewUnit, ...]:
    return select(change, no_text, max_chars=max_chars).units


def test_each_hunk_is_a_unit(repo: Repo) -> None:
    before = "".join(f"line {number}\n" for number in range(40))
    change = staged(repo, before, before.replace("line 3\n", "line three\n").replace("line 30\n", "line thirty\n"))
    first, second = units(change)
    assert (first.anchors, second.anchors) == ((4,), (31,))
    assert (first.start, first.end) == (1, 7)
    assert first.language.name == "python"
    assert first.line_text(4) == "line three"


def test_the_scope_is_that_of_the_change_not_of_the_line_above(repo: Repo) -> None:
    before = (
        "class Stack:\n    def pop(self):\n        return 1\n\n\nclass Queue:\n    def get(self):\n        return 2\n"
    )
    after = before.replace("return 2", "return 3")
    (unit,) = select(staged(repo, before, after), {"a.py": after}.get, max_chars=10_000).units
    assert unit.scope == "Queue.get()"
    (unit,) = units(staged(repo, after, after + "\nx = 1\n"))
    assert unit.scope == "class Stack:"  # without the text there is only git's heading


def test_what_is_not_sent_is_listed_with_its_reason(repo: Repo) -> None:
    repo.commit(files={"gone.py": "x = 1\n", "old.py": "a\nb\nc\nd\n", "emptied.py": "x = 1\n", "lib.py": "y\n"})
    repo.git("rm", "-q", "gone.py")
    repo.git("mv", "old.py", "new.py")
    repo.stage({"blob.bin": b"\0\1\2", "emptied.py": "", "empty.py": "", "lib.py": "z\n", "a.py": "z = 1\n"})
    change = diff.parse(repo.git("diff", "--cached", "--no-color", "--binary", "-M"), "staged changes")
    selection = select(change, no_text, max_chars=10_000, exclude=["lib.*"])
    assert [unit.path for unit in selection.units] == ["a.py"]
    reasons = {item.path: item.reason for item in selection.skimmed}
    assert reasons == {
        "blob.bin": "binary",
        "emptied.py": "every line was removed",
        "empty.py": "empty file",
        "gone.py": "deleted",
        "lib.py": "excluded by 'lib.*'",
        "new.py": "renamed from old.py, same content",
    }


def test_include_and_exclude_match_paths_and_names(repo: Repo) -> None:
    repo.stage({"src/a.py": "a\n", "src/deep/b.py": "b\n", "docs/c.md": "c\n", "vendor/d.py": "d\n"})
    change = diff.parse(repo.git("diff", "--cached", "--no-color"), "staged changes")

    def chosen(**globs: list[str]) -> list[str]:
        return [unit.path for unit in select(change, no_text, max_chars=10_000, **globs).units]

    assert chosen(include=["*.md"]) == ["docs/c.md"]
    assert chosen(include=["src/**/*.py"]) == ["src/a.py", "src/deep/b.py"]
    assert chosen(exclude=["vendor/", "*.md"]) == ["src/a.py", "src/deep/b.py"]


@given(
    count=st.integers(1, 60),
    width=st.integers(0, 30),
    max_chars=st.integers(40, 400),
    kinds=st.lists(st.sampled_from("+- "), min_size=1, max_size=60),
)
@settings(deadline=None, max_examples=60)
def test_windows_lose_nothing(count: int, width: int, max_chars: int, kinds: list[str]) -> None:
    body = [f"{kinds[index % len(kinds)]}{index:02}{'x' * width}" for index in range(count)]
    old = sum(line[0] != "+" for line in body)
    new = sum(line[0] != "-" for line in body)
    changed = any(line[0] != " " for line in body)
    patch = f"--- a/a.py\n+++ b/a.py\n@@ -1,{old} +1,{new} @@\n" + "".join(f"{line}\n" for line in body)
    if not changed or not new or not old:
        return
    change = diff.parse(patch.encode(), "patch")
    (hunk,) = change.files[0].hunks
    found = units(change, max_chars)
    assert {anchor for unit in found for anchor in unit.anchors} >= set(hunk.added)
    sent = {(line.kind, line.old, line.new) for unit in found for line in unit.lines}
    wanted = {(line.kind, line.old, line.new) for line in hunk.lines if line.kind is not LineKind.CONTEXT}
    assert wanted <= sent
    assert all(unit.anchors for unit in found)
    whole = select(change, no_text, max_chars=1_000_000)
    assert fitted(whole, max_chars).units == found


def test_halving_ends_with_single_lines() -> None:
    patch = b"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,5 @@\n" + b"".join(b"+line\n" for _ in range(5))
    (unit,) = units(diff.parse(patch, "patch"))
    pieces = [unit]
    for _ in range(10):
        pieces = [half for piece in pieces for half in halve(piece)]
    assert [piece.anchors for piece in pieces] == [(1,), (2,), (3,), (4,), (5,)]


FUNCTIONS = """def median(values):
    return sorted(values)[len(values) // 2]


class Spread:
    def mean(self):
        return sum(self.values) / len(self.values)

    def variance(self):
        total = sum((value - self.mean()) ** 2 for value in self.values)
        return total


def last(values):
    return values[-1]
"""


@pytest.mark.parametrize(
    ("before", "after", "scope"),
    [
        ("        return total\n", "        return total / len(self.values)\n", "Spread.variance()"),
        ("        total = sum(", "        count = 0\n        total = sum(", "Spread.variance()"),
        ("    def variance(self):", "    def variance(self, ddof=0):", "Spread.variance()"),
        ("def last(values):", "def last(values, count=1):", "last()"),
        # Where lines are only removed, the ones that remain around them may belong to others.
        ("        return total\n", "", "Spread.variance()"),
        (FUNCTIONS[FUNCTIONS.index("    def variance") : FUNCTIONS.index("\n\ndef last")], "", "Spread"),
        (FUNCTIONS[FUNCTIONS.index("class Spread") : FUNCTIONS.index("def last")], "", ""),
    ],
)
def test_the_scope_is_that_of_the_first_changed_line(repo: Repo, before: str, after: str, scope: str) -> None:
    changed = FUNCTIONS.replace(before, after)
    (unit,) = select(staged(repo, FUNCTIONS, changed), {"a.py": changed}.get, max_chars=10_000).units
    assert unit.scope == scope
