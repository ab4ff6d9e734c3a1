"""Both sides of a change in a real repository, and a stand-in for an analyzer."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from reviewer import diff
from reviewer.evidence import Evidence, Options, Side, collect
from reviewer.evidence.analyzers import Format, Spec
from reviewer.evidence.reviewed import ReviewedFile
from reviewer.git.repository import Repository
from reviewer.languages import detect

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

NO_ANALYZERS = Options(analyzers=())


def reviewed(path: str, text: str, changed: frozenset[int] = frozenset()) -> ReviewedFile:
    """One file of the new side."""
    return ReviewedFile(path, detect(path, text), text, changed)


def staged(repo: Repo, options: Options | None = None) -> Evidence:
    """Evidence about what is staged."""
    repository = Repository.discover(repo.root)
    target = repository.target(None, staged=True)
    change = diff.parse(repository.patch(target), target.subject)
    new = Side(lambda paths: repository.contents(target, paths), lambda: repository.paths(target))
    old = Side(
        lambda paths: repository.old_contents(target, paths),
        lambda: repo.git("ls-tree", "-r", "-z", "--name-only", str(target.base)).decode().split("\0")[:-1],
    )
    return collect(change, new, old, options)


def found(evidence: Evidence) -> list[tuple[str, int, str]]:
    """Path, line and rule of each finding; ``a+b`` where two sources report it."""
    return [(one.path, one.line, "+".join(source.rule for source in one.sources)) for one in evidence.findings]


def fake_analyzer(folder: Path, code: str, **settings: object) -> Spec:
    """An analyzer that is a Python script: ``files`` are its arguments, ``out`` writes bytes to standard output."""
    script = folder / "fake_analyzer.py"
    script.write_text(
        "import json, os, pathlib, subprocess, sys, time\n"
        "files = sys.argv[1:]\nout = lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush())\n" + code,
        encoding="utf-8",
    )
    spec = Spec("fake", (sys.executable, str(script), "{files}"), Format.LINES)
    return dataclasses.replace(spec, **settings)  # type: ignore[arg-type]
