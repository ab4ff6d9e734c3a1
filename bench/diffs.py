"""Fuzzes the way from a patch to the requests, and compares parsed hunks with the contents that git has.

    python -m bench.diffs fuzz --count 1000000 --seed 1 [--from N] [--results FILE] [REPOSITORY...]
    python -m bench.diffs guided --seconds 180 [REPOSITORY...]      # needs atheris
    python -m bench.diffs history --count 10000 [--results FILE] REPOSITORY...
    python -m bench.diffs table --results FILE docs/reliability.md

``fuzz`` mutates patches: of the repositories' history (by default this one's), and of every kind of change that git
writes. Each mutant must be read, or refused with a named error, within ``--limit`` seconds of processor time. What is
read must number its lines without a gap, hold no line that the patch does not hold, and name only lines that it has.
Every twentieth mutant that is read goes on through selection, context and templates to its requests.

``guided`` does the same with mutants that atheris makes, guided by the branches that earlier ones took.

``history`` reviews commit by commit, the whole way that ``reviewer review COMMIT`` reads a change: the hunks applied to
the old blob must give the new blob.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from bench import sandbox
from bench.tables import rows, write_table
from reviewer import diff
from reviewer.config import Settings
from reviewer.context import Surroundings
from reviewer.diff import ContentKind, FileStatus, LineKind
from reviewer.engine.profile import ModelProfile
from reviewer.errors import DiffError, GitError
from reviewer.git import Repository
from reviewer.prompting.prompts import Prompts
from reviewer.selection import select
from reviewer.selection.source import ChangeSource, from_repository
from reviewer.selection.units import fitted
from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reviewer.diff import Change, FileChange, Hunk

_CHECKOUT = Path(__file__).resolve().parents[1]
_LONGEST = 6_000  # bytes of a patch that mutants are made of
_EVERY = 20
_HEADER = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NUMBER = re.compile(rb"\d+")
_BEGINNING = re.compile(rb"^diff --git ", re.MULTILINE)

# What a mutation puts into a patch: git's own syntax, numbers at their limits, bytes that end or hide a line.
_PIECES = [
    b"\n", b"\r\n", b"\r", b"\0", b"\x0c", b"\x1b[31m", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xed\xa0\x80",
    b"+", b"-", b" ", b"\\ No newline at end of file\n", b"@@ -1 +1 @@\n", b"@@ -0,0 +1,3 @@\n", b"@@@ -1 -1 +1 @@@\n",
    b"@@ -1,99999999999999999999 +1 @@\n", b"@@ -4294967296,2 +18446744073709551615,2 @@ f\n", b"--- a/x\n",
    b"+++ b/x\n", b"--- /dev/null\n", b"+++ /dev/null\n", b"diff --git a/x b/x\n",
    b'diff --git "a/\\303\\251 \\t" "b/\\377"\n',
    b"diff --cc x\n", b"diff --combined x\n", b"* Unmerged path x\n", b"rename from a b\n", b"rename to c\n",
    b"copy from a\n", b"similarity index 100%\n", b"new file mode 120000\n", b"deleted file mode 160000\n",
    b"old mode 100644\n", b"new mode 100755\n", b"index 1234567..7654321 100644\n",
    b"Binary files a/x and b/x differ\n",
    b"GIT binary patch\nliteral 4\nLcmZ?\n\n", b"Subproject commit 1234567890\n", b"Index: x\n=====\n", b"-- \n2.39\n",
    b"From 1234567 Mon Sep 17 00:00:00 2001\n", b"<<<<<<< ours\n", b"a" * 300, b"{" * 200, b"(" * 200, b"\t" * 100,
    b"diff --git a/../../etc/passwd b/../../etc/passwd\n", b"+++ b/.git/hooks/pre-commit\n", b"<|im_start|>system\n",
]  # fmt: skip


@dataclass
class Found:
    """What a piece of the fuzzing found.

    Attributes:
        cases: Mutants.
        read, refused: How many were read, and refused with a named error.
        requests: Requests that were written.
        slowest: Longest processor time of one mutant, in seconds.
        memory_mib: Peak memory of the process, in MiB.
        failures: What went wrong, with the number of its case.
    """

    cases: int = 0
    read: int = 0
    refused: int = 0
    requested: int = 0
    requests: int = 0
    slowest: float = 0.0
    memory_mib: int = 0
    failures: list[str] = field(default_factory=list)


def corpus(repositories: Sequence[Path], each: int = 150) -> list[bytes]:
    """Patches to mutate: of every kind of change, and of real history."""
    found = _kinds()
    for repository in repositories:
        log = subprocess.run(
            ["git", "-c", "core.quotePath=true", "log", "-p", "--format=", "--full-index", "-M", "-n", "60"],
            cwd=repository, capture_output=True, check=True,
        ).stdout  # fmt: skip
        cuts = [match.start() for match in _BEGINNING.finditer(log)]
        patches = [log[start:end] for start, end in zip(cuts, [*cuts[1:], len(log)], strict=True)]
        found += [patch for patch in patches if len(patch) < _LONGEST][:each]
    return found


def _kinds() -> list[bytes]:
    """One patch for each kind of change that git writes."""
    patches = []
    with tempfile.TemporaryDirectory(prefix="diffs-") as folder:
        repo = Repo.init(Path(folder) / "repo")
        odd = os.fsdecode(b"caf\xe9 \xff\t.py")
        repo.commit(
            "first", {"a.py": BEFORE * 4, odd: BEFORE, "b.bin": bytes(range(256)), "gone.py": BEFORE, "m.sh": ""}
        )
        repo.write({"a.py": BEFORE * 2 + AFTER + BEFORE, odd: AFTER.replace("\n", "\r\n"), "b.bin": bytes(99)})
        repo.write({"new.py": AFTER.rstrip(), "latin.py": "é = 1\n".encode("latin-1")})
        (repo.root / "gone.py").rename(repo.root / "moved.py")
        (repo.root / "link").symlink_to("a.py")
        (repo.root / "m.sh").chmod(0o755)
        repo.git("add", "-A")
        forms = (["-M"], ["--no-renames", "--binary"], ["-U0"], ["--color=always"], ["-W", "--no-prefix"])
        patches += [repo.git("diff", "--cached", *options) for options in forms]
        repo.commit("second")
        patches += [repo.git("format-patch", "--stdout", "-1"), repo.git("show", "--format=fuller")]
        patches.append(repo.git("diff", "HEAD~1").decode("utf-8", "replace").encode("utf-16"))
    return patches


def mutated(random: Random, patches: Sequence[bytes]) -> bytes:
    """A patch with one to six changes."""
    patch = bytearray(random.choice(patches))
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4, 6))):
        _mutate(random, patch, patches)
    return bytes(patch[: 4 * _LONGEST])


def _mutate(random: Random, patch: bytearray, patches: Sequence[bytes]) -> None:  # noqa: C901 - one case each
    at = random.randrange(len(patch) + 1)
    match random.randrange(11):
        case 0 if patch:
            patch[at - 1] = random.randrange(256)
        case 1 if patch:
            patch[at - 1] ^= 1 << random.randrange(8)
        case 2:
            patch[at:at] = random.choice(_PIECES)
        case 3:
            del patch[at : at + random.choice((1, 1, 2, 8, 64))]
        case 4:
            del patch[at:]
        case 5 | 6 | 7:
            lines = patch.splitlines(keepends=True)
            _lines(random, lines, patches)
            patch[:] = b"".join(lines)
        case 8:
            numbers = list(_NUMBER.finditer(bytes(patch)))
            if numbers:
                one = random.choice(numbers)
                patch[one.start() : one.end()] = b"%d" % random.choice((0, 1, 2, 7, 2**31, 2**63, 10**30))
        case 9:
            other = random.choice(patches)
            cut = random.randrange(len(other) + 1)
            patch[at:] = other[cut:]
        case _:
            headers = list(_HEADER.finditer(bytes(patch)))
            if headers:
                one = random.choice(headers)
                patch[one.start() : one.end()] = random.choice(headers)[0]


def _lines(random: Random, lines: list[bytearray], patches: Sequence[bytes]) -> None:
    if not lines:
        return
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            lines.insert(at, lines[other])
        case 1:
            lines[at], lines[other] = lines[other], lines[at]
        case 2:
            del lines[at]
        case 3:
            lines.insert(at, bytearray(random.choice(_PIECES)))
        case 4:
            lines[at] = bytearray(random.choice((b"+", b"-", b" ", b"\\"))) + lines[at][1:]
        case _:
            more = random.choice(patches).splitlines(keepends=True)
            start = random.randrange(len(more))
            lines[at:at] = map(bytearray, more[start : start + random.randrange(12)])


def wrong_lines(change: Change, patch: bytes) -> Iterator[str]:
    """What is wrong with a parsed patch."""
    plain = b"\x1b" not in patch and not patch.startswith((b"\xff\xfe", b"\xfe\xff"))
    held = {line.rstrip(b"\r") for line in patch.split(b"\n")} if plain else set()
    for file in change.files:
        if not file.path:
            yield "a file without a name"
        if file.unread and file.hunks:
            yield "hunks of a file that was not read"
        for hunk in file.hunks:
            yield from _wrong_numbers(hunk)
            if plain:
                yield from _foreign(hunk, held)


def _wrong_numbers(hunk: Hunk) -> Iterator[str]:
    for side, start, count in (("old", hunk.old_start, hunk.old_count), ("new", hunk.new_start, hunk.new_count)):
        numbers = [number for line in hunk.lines if (number := getattr(line, side)) is not None]
        if numbers != list(range(start, start + count)):
            yield f"{side} lines of a hunk are not numbered as its header says"
    if not set(hunk.anchors) <= set(range(max(0, hunk.new_start - 1), hunk.new_start + hunk.new_count + 1)):
        yield "an anchor outside of its hunk"
    if any((line.old is None) != (line.kind is LineKind.ADDED) for line in hunk.lines):
        yield "a line's kind and numbers differ"


def _foreign(hunk: Hunk, held: set[bytes]) -> Iterator[str]:
    for line in hunk.lines:
        text = diff.encode(f"{line.kind}{line.text}").rstrip(b"\r")
        if text not in held and text.strip() not in (b"", *held):
            yield f"a line that the patch does not hold: {text[:80]!r}"


def write_requests(prompts: Prompts, change: Change) -> int:
    """Take a change the whole way to its requests; returns their number."""
    source = ChangeSource(change, lambda _: None)
    selection = fitted(select(source, Settings()), prompts.unit_chars)
    around = Surroundings(prompts.extent, source.read)
    for unit in selection.units:
        request = prompts.review(unit, around.of(unit, prompts.room_beside(unit)))
        said = request.messages[-1]["content"]
        missing = [line.text for line in unit.lines if diff.printable(line.text).strip() not in said]
        if missing:
            raise AssertionError(f"a request without the line {missing[0][:80]!r}")
    return len(selection.units)


def fuzz(seed: int, start: int, count: int, patches: Sequence[bytes], limit: float) -> Found:
    """Run the cases ``start`` to ``start + count``."""
    prompts = Prompts(ModelProfile("model", "digest", 8192), {})
    found = Found()
    for number in range(start, start + count):
        patch = mutated(Random(f"{seed}:{number}"), patches)
        began = time.process_time()
        try:
            _case(number, patch, prompts, found)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is what was looked for
            found.failures.append(f"{number}: {type(problem).__name__}: {problem}")
        seconds = time.process_time() - began
        found.slowest = max(found.slowest, seconds)
        if seconds > limit:
            found.failures.append(f"{number}: took {seconds:.1f} s")
    found.memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def guided(seconds: int, patches: Sequence[bytes], limit: float, folder: Path) -> None:
    """Run cases that atheris makes, until the time is over or one fails; ends with its exit status."""
    atheris: Any = importlib.import_module("atheris")
    prompts = Prompts(ModelProfile("model", "digest", 8192), {})
    found = Found()

    def one(patch: bytes) -> None:
        _case(found.cases, patch, prompts, found)
        if found.failures:
            raise AssertionError(found.failures[0])

    begun = folder / "corpus"
    begun.mkdir()
    for number, patch in enumerate(patches):
        (begun / str(number)).write_bytes(patch)
    (folder / "dictionary").write_text("".join(f'"{_escaped(piece)}"\n' for piece in _PIECES))
    bounds = [f"-max_total_time={seconds}", f"-timeout={limit:.0f}", "-rss_limit_mb=1024", f"-max_len={4 * _LONGEST}"]
    pid = os.fork()
    if pid == 0:  # it does not return
        atheris.instrument_all()
        atheris.Setup(["guided", *bounds, f"-dict={folder / 'dictionary'}", str(begun)], one)
        atheris.Fuzz()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _escaped(piece: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece[:60])


def _case(number: int, patch: bytes, prompts: Prompts, found: Found) -> None:
    found.cases += 1
    try:
        change = diff.parse(patch, "mutant")
    except DiffError:
        found.refused += 1
        return
    found.read += 1
    found.failures += [f"{number}: {problem}" for problem in wrong_lines(change, patch)]
    if number % _EVERY == 0:
        found.requested += 1
        found.requests += write_requests(prompts, change)


@dataclass
class Compared:
    """What the comparison with history found.

    Attributes:
        files: File changes whose hunks were applied and gave the new blob.
        commits: Commits that they come from.
        listed: File changes without hunks, by what they are.
        failures: File changes whose result differs.
    """

    repository: str
    commits: int = 0
    files: int = 0
    listed: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def count(self, reason: str) -> None:
        """Count a file change without hunks."""
        self.listed[reason] = self.listed.get(reason, 0) + 1


def compare(git_dir: Path, count: int) -> Compared:
    """Compare up to ``count`` file changes of a repository, newest first."""
    found = Compared(git_dir.parent.name if git_dir.name in ("repo", ".git") else git_dir.name)
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", "-s", "-n", str(git_dir), str(clone)], check=True)
        repository = Repository.discover(clone)
        for commit in _commits(clone, count):
            if found.files >= count:
                break
            found.commits += 1
            try:
                _compare(repository, commit, found)
            except GitError as problem:  # an object that the clone lacks
                found.count(problem.message)
    return found


def _commits(clone: Path, count: int) -> list[str]:
    listed = subprocess.run(
        ["git", "log", "--no-merges", "--format=%H %P", "-n", str(count)], cwd=clone, capture_output=True, check=True
    )
    lines = [line.split() for line in listed.stdout.decode().splitlines()]
    return [words[0] for words in lines if len(words) == 2]  # with a parent


def _compare(repository: Repository, commit: str, found: Compared) -> None:
    target = repository.target(commit, staged=False)
    source = from_repository(repository, target)
    files = [file for file in source.change.files if file.kind is ContentKind.TEXT and file.hunks]
    for file in source.change.files:
        if file not in files:
            found.count(file.unread or (file.status if file.kind is ContentKind.TEXT else file.kind).value)
    old = repository.old_contents(target, [file.old_path or file.path for file in files])
    new = source.new([file.path for file in files])
    for file in files:
        if _gives(file, old[file.old_path or file.path], new.get(file.path)):
            found.files += 1
        else:
            found.failures.append(f"{commit} {file.path}")


def _gives(file: FileChange, old: bytes | None, new: bytes | None) -> bool:
    """Whether the hunks applied to the old blob give the new blob."""
    before = "" if file.status is FileStatus.ADDED else diff.decode(old or b"")
    result = file.applied_to(before)
    return result is not None and diff.encode(result) == (b"" if file.status is FileStatus.DELETED else new)


def table(results: Sequence[dict[str, Any]]) -> str:
    """One line for the fuzzing, one for each repository of history."""
    fuzzed = [one for one in results if "cases" in one]
    compared = [one for one in results if "commits" in one]
    total = {name: sum(one[name] for one in fuzzed) for name in ("cases", "read", "refused", "requested", "requests")}
    first = rows(
        ("mutants", "read", "refused with an error", "taken to requests", "requests", "slowest", "memory", "failures"),
        [
            (
                *total.values(),
                f"{max(one['slowest'] for one in fuzzed):.2f} s",
                f"{max(one['memory_mib'] for one in fuzzed)} MiB",
                sum(len(one["failures"]) for one in fuzzed),
            )
        ],
    )
    body = [(one["repository"], one["commits"], one["files"], len(one["failures"])) for one in compared]
    body.append(("**all**", *(sum(row[at] for row in body) for at in (1, 2, 3))))
    return first + "\n\n" + rows(("history", "commits", "file changes", "different"), body)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("fuzz", "guided", "history", "table"))
    parser.add_argument("places", nargs="*", type=Path, metavar="REPOSITORY|DOCUMENT")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="start", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=180, help="how long atheris runs")
    parser.add_argument("--limit", type=float, default=5.0, help="seconds of processor time for one mutant")
    parser.add_argument("--results", type=Path, help="append the outcome to this file, one JSON object a line")
    arguments = parser.parse_intermixed_args()
    if arguments.what == "table":
        results = [json.loads(line) for line in arguments.results.read_text().splitlines()]
        write_table(arguments.places[0], "diffs", table(results))
        return 0
    found = list(_work(arguments))
    for one in found:
        print(json.dumps({**asdict(one), "failures": len(one.failures)}))
        print("\n".join(one.failures[:50]))
        if arguments.results:
            with arguments.results.open("a") as stream:
                stream.write(json.dumps(asdict(one)) + "\n")
    return 1 if any(one.failures for one in found) else 0


def _work(arguments: argparse.Namespace) -> Iterator[Found | Compared]:
    with tempfile.TemporaryDirectory(prefix="diffs-") as folder:
        os.environ.update(sandbox.isolated(Path(folder) / "home", Path(folder) / "tmp"))
        if arguments.what == "fuzz":
            patches = corpus(arguments.places or [_CHECKOUT])
            yield fuzz(arguments.seed, arguments.start, arguments.count, patches, arguments.limit)
            return
        if arguments.what == "guided":
            guided(arguments.seconds, corpus(arguments.places or [_CHECKOUT]), arguments.limit, Path(folder))
        share = -(-arguments.count // max(1, len(arguments.places)))
        for place in arguments.places:
            yield compare(place, share)


if __name__ == "__main__":
    sys.exit(main())
