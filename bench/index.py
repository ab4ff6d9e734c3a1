"""What the index of definitions costs: once for a repository, and then for each review.

    python bench/index.py [--files 5000] [--times 5]

A repository is made of that many files in six languages, each with a few functions that call others. Cold: the index
is empty. Warm: every blob is known, as in the next review. Commit: one file is new. Each is a run of its own of
everything that a review asks for: the list of files, the index, the definitions of ten names and the callers of one.
Wall time, and the time of this process on a processor, which a busy machine does not lengthen.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from common import git, machine, spread, table, verdict

from reviewer.context.index import DefinitionIndex
from reviewer.git import Repository

FAMILIES = ("python", "script", "go", "jvm", "rust", "c")
COLD_GOAL, WARM_GOAL = 15.0, 0.1

# A function of each language, its names between percent signs.
BODIES = {
    "py": """\
def %name%(first, second=None):
    \'\'\'Do %name%.\'\'\'
    value = %callee%(first)
    if value is None:
        return second
    return [item.name for item in value if item.kind == second]


""",
    "ts": """\
export function %name%(first: number, second?: string): string[] {
  const value = %callee%(first);
  if (!value) {
    return [];
  }
  return value.filter((item) => item.kind === second);
}

""",
    "go": """\
// %name% does it.
func %name%(first int, second string) []string {
	value := %callee%(first, second)
	if value == nil {
		return nil
	}
	return append(value, second)
}

""",
    "java": """\
class C%name% {
  /** Does it. */
  static String %name%(int first, String second) {
    String value = %callee%(first, second);
    return value == null ? second : value.trim();
  }
}

""",
    "rs": """\
/// Does it.
pub fn %name%(first: u32, second: &str) -> Option<String> {
    let value = %callee%(first, second)?;
    Some(format!("{}{}", value, second))
}

""",
    "c": """\
/* Does it. */
int %name%(int first, const char *second)
{
    int value = %callee%(first, second);
    return value < 0 ? -1 : value + first;
}

""",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--times", type=int, default=5, help="warm runs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder) / "repo"
        lines = make(repo, args.files)
        path = Path(folder) / "definitions.sqlite3"
        cold = run(repo, path)
        warm = [run(repo, path) for _ in range(args.times)]
        commits = [run(commit(repo, number), path) for number in range(args.times)]
        size = sum(file.stat().st_size for file in Path(folder).glob("definitions.sqlite3*"))
    print(machine())
    print(
        table(
            [
                ("files, lines", f"{args.files}, {lines}"),
                ("cold", f"{cold[0]:.2f} s, of that {cold[1]:.2f} s on a processor"),
                ("warm", spread([wall for wall, _ in warm])),
                ("warm, on a processor", spread([cpu for _, cpu in warm])),
                ("one new file", spread([wall for wall, _ in commits])),
                ("on disk", f"{size / 1e6:.1f} MB"),
                verdict("cold, s on a processor", cold[1], COLD_GOAL),
                verdict("warm, s on a processor", statistics.median(cpu for _, cpu in warm), WARM_GOAL),
            ]
        )
    )
    return 0


def make(repo: Path, files: int) -> int:
    """Make the repository, and return how many lines it has."""
    chance = random.Random(1)
    lines = 0
    for number in range(files):
        ending = list(BODIES)[number % len(BODIES)]
        text = "package p\n\n" if ending == "go" else ""
        for part in range(12):
            callee = f"work_{chance.randrange(files)}_{chance.randrange(12)}"
            text += BODIES[ending].replace("%name%", f"work_{number}_{part}").replace("%callee%", callee)
        file = repo / f"part_{number % 50}" / f"file_{number}.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        lines += text.count("\n")
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "first")
    return lines


def commit(repo: Path, number: int) -> Path:
    file = repo / "part_0" / "file_0.py"
    file.write_text(file.read_text() + f"\n\ndef new_{number}(): pass\n")
    subprocess.run(["git", "add", "-A"], cwd=repo, check=True)
    return repo


def run(root: Path, path: Path) -> tuple[float, float]:
    """Do all that one review asks for; wall time and processor time in seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    repository = Repository.discover(root)
    index = DefinitionIndex(repository, repository.target(None, staged=True), path)
    assert index.prepare(FAMILIES, ["part_0/file_0.py"], seconds=3600) == 0
    assert len(index.find([f"work_{number}_1" for number in range(10)])) == 10
    index.callers("work_0_1")
    index.close()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    raise SystemExit(main())
