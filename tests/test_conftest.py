"""The guards of conftest.py do fire."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import conftest

if TYPE_CHECKING:
    from tests.repo import Repo


def test_home_is_the_tests_own(home: Path) -> None:
    assert Path.home() == home
    assert home != conftest.REAL_HOME
    assert os.environ["REVIEWER_HOME"] == str(home / "reviewer")


@given(number=st.integers())
def test_isolation_lets_hypothesis_work(number: int) -> None:
    assert Path.home() != conftest.REAL_HOME


@pytest.mark.skipif(conftest._GUARD._home == "", reason="the real home is the file system's root")
def test_writing_to_the_real_home_fails() -> None:
    with pytest.raises(AssertionError, match="real home"):
        (conftest.REAL_HOME / "reviewer-test-must-not-exist").write_text("x")
    assert conftest._GUARD.seen
    conftest._GUARD.seen.clear()


def test_leaving_the_machine_fails() -> None:
    with socket.socket() as sock, pytest.raises(AssertionError, match="leaves this machine"):
        sock.connect(("192.0.2.1", 9))
    conftest._GUARD.seen.clear()


def test_repo_separates_staged_from_written(repo: Repo) -> None:
    repo.commit("first", {"a.txt": "1\n"})
    repo.stage({"a.txt": "2\n"})
    repo.write({"a.txt": "3\n"})
    assert repo.git("show", ":a.txt") == b"2\n"
    assert repo.git("show", "HEAD:a.txt") == b"1\n"
