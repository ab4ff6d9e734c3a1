from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reviewer.cli import forge
from reviewer.errors import UsageError

ZEROS = "0" * 40

PULL = {"pull_request": {"base": {"sha": "b" * 40}, "head": {"sha": "e" * 40}}}
PUSH = {"before": "a" * 40, "repository": {"default_branch": "main"}}
QUEUE = {"merge_group": {"base_sha": "c" * 40, "base_ref": "refs/heads/main", "head_sha": "d" * 40}}


@pytest.mark.parametrize(
    ("event", "env", "bases", "heads"),
    [
        (PULL, {"GITHUB_BASE_REF": "main"}, ("b" * 40, "origin/main"), ("e" * 40, "f" * 40)),
        (PULL, {"GITHUB_EVENT_NAME": "pull_request_target"}, ("b" * 40,), ("e" * 40,)),
        (PUSH, {"GITHUB_REF_NAME": "topic"}, ("a" * 40, "origin/main"), ("f" * 40,)),
        (PUSH, {"GITHUB_REF_NAME": "main"}, ("a" * 40,), ("f" * 40,)),
        (PUSH | {"before": ZEROS}, {"GITHUB_REF_NAME": "topic"}, ("origin/main",), ("f" * 40,)),
        (QUEUE, {}, ("c" * 40, "origin/main"), ("f" * 40,)),
        ({}, {}, (), ("f" * 40,)),
        ([], {}, (), ("f" * 40,)),
        ({"pull_request": None, "before": 3}, {}, (), ("f" * 40,)),
    ],
)
def test_github(
    event: Any, env: dict[str, str], bases: tuple[str, ...], heads: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event), encoding="utf-8")
    common = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": "f" * 40, "GITHUB_EVENT_PATH": str(path)}
    job = forge.detect(common | env | {"GITHUB_STEP_SUMMARY": "/tmp/summary"})
    assert (job.bases, job.heads) == (bases, heads)
    assert (job.annotations, job.summary) == (True, Path("/tmp/summary"))


@pytest.mark.parametrize("content", [None, "{", "\xff"])
def test_a_broken_event_file(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="event file"):
        forge.detect({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path)})


@pytest.mark.parametrize(
    ("env", "bases", "head"),
    [
        (
            {
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "b" * 40,
                "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "",
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
                "CI_COMMIT_BEFORE_SHA": ZEROS,
            },
            ("b" * 40, "origin/main"),
            "f" * 40,
        ),
        (
            {
                "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": "c" * 40,
                "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "e" * 40,
            },
            ("c" * 40,),
            "e" * 40,
        ),
        (
            {"CI_COMMIT_BEFORE_SHA": "a" * 40, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_REF_NAME": "main"},
            ("a" * 40,),
            "f" * 40,
        ),
        (
            {"CI_COMMIT_BEFORE_SHA": ZEROS, "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_REF_NAME": "topic"},
            ("origin/main",),
            "f" * 40,
        ),
    ],
)
def test_gitlab(env: dict[str, str], bases: tuple[str, ...], head: str) -> None:
    job = forge.detect({"GITLAB_CI": "true", "CI_COMMIT_SHA": "f" * 40} | env)
    assert (job.bases, job.heads) == (bases, (head,))
    assert (job.annotations, job.summary) == (False, None)


def test_elsewhere() -> None:
    assert forge.detect({"CI": "true"}) == forge.Job("", ())
