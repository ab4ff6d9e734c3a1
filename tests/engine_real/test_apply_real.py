"""Completions that a real model wrote, written into files: each still parses, and every byte comes back."""

from __future__ import annotations

import ast
import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command import reviewer_anew as reviewer

if TYPE_CHECKING:
    from reviewer.engine.server.state import ServerState
    from tests.repo import Repo

pytestmark = [
    pytest.mark.real_engine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.name == "nt", reason="vLLM does not run on Windows"),
]

BEFORE = '''\
def average(values):
    """Return the arithmetic mean; 0 for an empty list."""
    return sum(values) / len(values) if values else 0
'''
# Small enough for the small model; which of them it completes is its own affair, that it completes one is known.
STUBS = (
    BEFORE
    + '''

def is_even(n):
    pass


def square(n):
    """Return n times n."""
    raise NotImplementedError
'''
)


@pytest.fixture
def reviewed(warm: ServerState, repo: Repo) -> Repo:
    # As on Windows: what git stores and what lies in the working tree differ.
    repo.git("config", "core.autocrlf", "true")
    repo.commit("first", {"stats.py": BEFORE.replace("\n", "\r\n")})
    repo.stage({"stats.py": STUBS.replace("\n", "\r\n")})
    done = reviewer("review", "--format", "json", cwd=repo.root, timeout=600)
    assert done.returncode == 0, done.stderr
    found = [one for one in json.loads(done.stdout)["findings"] if one["category"] == "unfinished"]
    assert len(found) == 2
    assert any(one["suggestion"] and one["suggestion"]["shown"] for one in found), found
    return repo


def lying(repo: Repo) -> bytes:
    return (repo.root / "stats.py").read_bytes()


def test_completions_are_applied_and_taken_back(reviewed: Repo) -> None:
    before, index = lying(reviewed), reviewed.git("ls-files", "--stage")
    done = reviewer("apply", "--all", cwd=reviewed.root)
    assert done.returncode == 0, done.stderr
    after = lying(reviewed)
    assert after != before
    assert after.count(b"\n") == after.count(b"\r\n")
    body = ast.parse(after).body
    assert [node.name for node in body if isinstance(node, ast.FunctionDef)][:2] == ["average", "is_even"]
    assert reviewed.git("ls-files", "--stage") == index
    assert reviewer("apply", "--undo", cwd=reviewed.root).returncode == 0
    assert lying(reviewed) == before


def test_only_proven_completions_are_kept(reviewed: Repo) -> None:
    """A check that nothing but the unfinished code passes keeps none; one that all pass keeps all."""
    before = lying(reviewed)
    digest = f"import sys; sys.exit(open('stats.py', newline='').read() != {before.decode()!r})"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(digest)}"
    done = reviewer("apply", "--all", "--check", command, cwd=reviewed.root)
    assert done.returncode == 1, done.stderr
    assert "no fix  passed" in done.stdout.replace("   ", "  ")
    assert lying(reviewed) == before
    compiles = f"{shlex.quote(sys.executable)} -m py_compile stats.py"
    assert reviewer("apply", "--all", "--check", compiles, cwd=reviewed.root).returncode == 0
    assert lying(reviewed) != before
    ast.parse(lying(reviewed))
