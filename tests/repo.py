"""Real git repositories for tests: no test of this project mocks git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Fixed dates make commit ids reproducible from run to run.
_DATE = "2024-01-02T03:04:05+00:00"
_IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgSign=false")

# A change that drops a guard: average([]) then divides by zero.
BEFORE = "def average(values):\n    return sum(values) / len(values) if values else 0\n"
AFTER = "def average(values):\n    return sum(values) / len(values)\n"


class Repo:
    """A repository in a folder, driven through the ``git`` command as a user drives it.

    ::

        repo = Repo.init(tmp_path / "work")
        repo.commit("first", {"a.py": "x = 1\\n"})
        repo.stage({"a.py": "x = 2\\n"})
        repo.write({"a.py": "x = 3\\n"})          # not staged
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def init(cls, root: Path, *options: str) -> Repo:
        """Make an empty repository whose branch is ``main``."""
        root.mkdir(parents=True, exist_ok=True)
        repo = cls(root)
        repo.git("init", "-q", "-b", "main", *options)
        return repo

    def git(
        self,
        *args: str,
        data: bytes | None = None,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        check: bool = True,
    ) -> bytes:
        """Run git and return its standard output; a failure quotes what git said."""
        done = subprocess.run(
            ["git", *_IDENTITY, *args],
            cwd=cwd or self.root,
            input=b"" if data is None else data,
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_AUTHOR_DATE": _DATE, "GIT_COMMITTER_DATE": _DATE, **(env or {})},
        )
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(args)}: {done.returncode}\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def write(self, files: dict[str, str | bytes]) -> None:
        """Write files of the working tree byte for byte, without staging them."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def stage(self, files: dict[str, str | bytes] | None = None) -> None:
        """Write and stage files; without files, stage everything."""
        if files is None:
            self.git("add", "-A")
            return
        self.write(files)
        self.git("add", "--", *files)

    def commit(self, message: str = "change", files: dict[str, str | bytes] | None = None) -> str:
        """Stage the files, where there are some, commit what is staged and return the commit's id."""
        if files is not None:
            self.stage(files)
        self.git("commit", "-q", "--allow-empty", "--no-verify", "-m", message)
        return self.head()

    def head(self) -> str:
        """Return the id of HEAD."""
        return self.git("rev-parse", "HEAD").decode().strip()
