"""Pick hunks of real commits and write them as cases for `reviewer eval`.

    python bench/real_hunks.py --since 2026-01-01 --count 300 --output ../real_hunks.jsonl CLONE…

Measures false alarms and explanations on code that nobody wrote for a benchmark. Each line of the output is one hunk
as a patch of its own, labelled clean, with the whole new side of its file and the commit's subject as the reference.
A real commit may hold a defect that nobody has noticed, so the rate of false alarms is an upper bound.

Left out: merges, commits of bots, reverts, commits written before the date (even if applied later), renamed and
deleted files, lock files, vendored, generated and minified files, prose, files without a known language, hunks with
no added line, and hunks with too many changed lines. Every repository gives the same number of hunks as far as it has
them, and a commit at most two. The same repositories, at the same commits, and the same seed give the same hunks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reviewer import diff, skipping
from reviewer.diff import ContentKind, FileStatus, LineKind
from reviewer.diff.names import quote
from reviewer.errors import ReviewerError
from reviewer.languages import detect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROJECT = Path(__file__).resolve().parents[1]
PER_COMMIT = 2
MAX_FILE_BYTES = 400_000

_BOT = re.compile(r"\[bot\]|\b(?:dependabot|renovate|github-actions|pre-commit-ci|mergify|bors)\b|[-_ ]bot\b", re.I)
_REVERT = re.compile(r"reverts? ", re.I)
_NO_CODE = frozenset(("generic", "markdown"))


@dataclass(frozen=True)
class Commit:
    """One commit that may be picked from.

    Attributes:
        parent: The object to compare with: the parent, or the empty tree for a root commit.
    """

    sha: str
    parent: str
    subject: str


class Clone:
    """A repository, with or without a work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = self._name()
        # An index of its own: attributes are read from it, since a bare repository has no files, and the index of a
        # repository with files is its user's.
        self._folder = tempfile.TemporaryDirectory(prefix="real-hunks-")
        self._index = str(Path(self._folder.name) / "index")
        self.git("read-tree", "HEAD")

    def git(self, *args: str) -> bytes:
        """Run git and return what it prints.

        Raises:
            subprocess.CalledProcessError: It failed; ``stderr`` says why.
        """
        quiet = ("-c", "core.quotePath=true", "-c", "diff.external=", "-c", "core.fsmonitor=false")
        argv = ["git", *quiet, "-C", str(self.path), *args]
        environment = {**os.environ, "GIT_INDEX_FILE": self._index, "LC_ALL": "C"}
        return subprocess.run(argv, check=True, capture_output=True, env=environment).stdout

    def commits(self, since: dt.date) -> list[Commit]:
        """Commits of people from that day on, newest first."""
        form = "%H%x00%P%x00%aI%x00%an <%ae> %cn <%ce>%x00%s%x00"
        log = self.git("log", "--no-merges", f"--since={since}T00:00:00Z", f"--format={form}")
        fields = log.decode("utf-8", "replace").split("\0")[:-1]
        empty = self.git("hash-object", "-t", "tree", os.devnull).decode().strip()
        found = []
        for sha, parents, written, people, subject in zip(*[iter(fields)] * 5, strict=True):
            author, _, _ = people.partition(">")
            if written[:10] < since.isoformat() or _BOT.search(author) or _REVERT.match(subject):
                continue
            found.append(Commit(sha.strip(), parents or empty, subject))
        return found

    def change(self, commit: Commit) -> diff.Change:
        """What a commit changes in files that it adds or modifies."""
        shape = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "-U3")
        patch = self.git("diff", *shape, "-M", "--diff-filter=AM", commit.parent, commit.sha)
        return diff.parse(patch, commit.subject)

    def text(self, commit: Commit, path: str) -> str | None:
        """A file's text after a commit; None where it is not UTF-8 or is very long."""
        data = self.git("cat-file", "blob", f"{commit.sha}:{path}")
        if len(data) > MAX_FILE_BYTES:
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def attributes(self, path: str) -> Mapping[str, str]:
        """The git attributes that mark generated files, as of the newest commit."""
        shown = self.git("check-attr", "-z", "--cached", *skipping.ATTRIBUTES, "--", path)
        fields = shown.decode("utf-8", "replace").split("\0")[:-1]
        return dict(zip(fields[1::3], fields[2::3], strict=True))

    def _name(self) -> str:
        """The folder that tells clones apart: not ``.git``, nor the ``repo`` of a store of mirrors."""
        parts = [part for part in self.path.resolve().parts if part not in (".git", "repo")]
        return parts[-1].removesuffix(".git").replace("+", "/")


def picks(clone: Clone, since: dt.date, max_lines: int, chance: random.Random) -> Iterator[list[dict[str, object]]]:
    """The hunks of one commit after the other, in random order, at most ``PER_COMMIT`` each."""
    commits = clone.commits(since)
    chance.shuffle(commits)
    for commit in commits:
        try:
            candidates = list(_hunks(clone, commit, max_lines))
        except ReviewerError as problem:
            print(f"{clone.name}: {commit.sha[:10]} skipped: {problem}", file=sys.stderr)
            continue
        if candidates:
            yield [_case(clone, commit, *one) for one in chance.sample(candidates, min(PER_COMMIT, len(candidates)))]


def _hunks(clone: Clone, commit: Commit, max_lines: int) -> Iterator[tuple[diff.FileChange, diff.Hunk]]:
    for file in clone.change(commit).files:
        if _is_code(clone, commit, file):
            for hunk in file.hunks:
                changed = sum(line.kind is not LineKind.CONTEXT for line in hunk.lines)
                if hunk.added and changed <= max_lines:
                    yield file, hunk


def _is_code(clone: Clone, commit: Commit, file: diff.FileChange) -> bool:
    """Whether a person wrote the file in a language that is reviewed; the cheap questions first."""
    if file.kind is not ContentKind.TEXT or skipping.by_path(file.path):
        return False
    text = clone.text(commit, file.path)
    if text is None or detect(file.path, text.partition("\n")[0]).name in _NO_CODE:
        return False
    return not skipping.why(file, lambda _: text, clone.attributes(file.path))


def _case(clone: Clone, commit: Commit, file: diff.FileChange, hunk: diff.Hunk) -> dict[str, object]:
    text = clone.text(commit, file.path)
    assert text is not None
    group = f"{clone.name}@{commit.sha[:10]}"
    return {
        "id": f"{group}:{file.path}:{hunk.new_start}",
        "group": group,
        "clean": True,
        "kind": "real commit",
        "language": detect(file.path, text.partition("\n")[0]).name,
        "reference": commit.subject,
        "diff": patch_of(file, hunk),
        "files": {file.path: text},
    }


def patch_of(file: diff.FileChange, hunk: diff.Hunk) -> str:
    """One hunk as a patch by itself.

    The old side begins where the new one does: no other hunk stands above it. So the patch can be taken back from the
    text that comes with it.
    """
    name = quote(f"b/{file.path}")
    added = file.status is FileStatus.ADDED
    old_start = hunk.new_start if hunk.old_count else hunk.new_start - 1
    lines = [
        f"--- {'/dev/null' if added else quote(f'a/{file.path}')}\n",
        f"+++ {name}\n",
        f"@@ -{old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@ {hunk.section}".rstrip() + "\n",
    ]
    for line in hunk.lines:
        lines.append(f"{line.kind.value}{line.text}{line.ending}")
        if not line.ending:
            lines.append("\n\\ No newline at end of file\n")
    return "".join(lines)


def choose(clones: Sequence[Clone], count: int, since: dt.date, max_lines: int, seed: int) -> list[dict[str, object]]:
    """Take from one repository after the other until there are enough, or none has any left."""
    streams = {clone.name: picks(clone, since, max_lines, random.Random(f"{seed}/{clone.name}")) for clone in clones}
    chosen: list[dict[str, object]] = []
    seen: set[str] = set()
    taken = dict.fromkeys(streams, 0)
    while streams and len(chosen) < count:
        name = min(streams, key=lambda one: taken[one])
        hunks = next(streams[name], None)
        if hunks is None:
            del streams[name]
            continue
        for hunk in hunks:
            body = str(hunk["diff"]).partition("@@")[2].partition("\n")[2]
            if body not in seen and len(chosen) < count:  # a backport repeats a hunk
                seen.add(body)
                chosen.append(hunk)
                taken[name] += 1
    return chosen


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clones", nargs="+", type=Path, metavar="CLONE", help="a git repository, bare or not")
    parser.add_argument("--since", required=True, type=dt.date.fromisoformat, help="first day, as YYYY-MM-DD")
    parser.add_argument("--count", type=int, default=300, help="how many hunks (default: %(default)s)")
    parser.add_argument("--max-lines", type=int, default=120, help="changed lines of a hunk (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed picks other hunks (default: %(default)s)")
    parser.add_argument("--output", required=True, type=Path, help="JSONL file, outside of this project")
    options = parser.parse_args()
    if options.output.resolve().is_relative_to(PROJECT):
        parser.error(f"{options.output} is inside this project; code of others is not kept here")
    try:
        clones = [Clone(path) for path in options.clones]
        if len({clone.name for clone in clones}) < len(clones):
            parser.error("two clones have the same name")
        chosen = choose(clones, options.count, options.since, options.max_lines, options.seed)
    except subprocess.CalledProcessError as problem:
        sys.exit(problem.stderr.decode(errors="replace").strip())
    if not chosen:
        sys.exit(f"no hunks since {options.since}")
    with options.output.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(one) + "\n" for one in chosen)
    _summarise(chosen, options.count)


def _summarise(chosen: Sequence[Mapping[str, object]], wanted: int) -> None:
    print(f"{len(chosen)} of {wanted} hunks from {len({one['group'] for one in chosen})} commits")
    for title, values in (
        ("repository", [str(one["group"]).partition("@")[0] for one in chosen]),
        ("language", [str(one["language"]) for one in chosen]),
    ):
        counts = sorted({value: values.count(value) for value in values}.items(), key=lambda pair: -pair[1])
        print(f"  by {title}: " + ", ".join(f"{value} {number}" for value, number in counts))


if __name__ == "__main__":
    main()
