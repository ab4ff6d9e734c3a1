from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reviewer.cli import forge
from reviewer.errors import UsageError
from reviewer.posting.destination import Forge, PullRequest

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
    files = {"GITHUB_STEP_SUMMARY": "/tmp/summary", "GITHUB_OUTPUT": "/tmp/outputs"}
    job = forge.detect(common | env | files)
    assert (job.bases, job.heads) == (bases, heads)
    assert (job.format, job.summary, job.outputs) == ("github", Path("/tmp/summary"), Path("/tmp/outputs"))


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
    assert (job.format, job.summary) == ("text", None)


@pytest.mark.parametrize("system", ["GITEA_ACTIONS", "FORGEJO_ACTIONS"])
def test_gitea_sets_the_variables_of_github_but_shows_no_annotations(system: str) -> None:
    job = forge.detect({"GITHUB_ACTIONS": "true", system: "true", "GITHUB_SHA": "f" * 40})
    assert (job.name, job.format, job.heads) == ("Gitea Actions", "text", ("f" * 40,))


@pytest.mark.parametrize(
    ("env", "name", "bases", "heads"),
    [
        (
            {
                "TF_BUILD": "True",
                "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/release/2",
                "SYSTEM_PULLREQUEST_SOURCECOMMITID": "e" * 40,
                "BUILD_SOURCEVERSION": "f" * 40,
            },
            "Azure Pipelines",
            ("origin/release/2",),
            ("e" * 40, "f" * 40),
        ),
        ({"TF_BUILD": "True", "BUILD_SOURCEVERSION": "f" * 40}, "Azure Pipelines", (), ("f" * 40,)),
        (
            {
                "BITBUCKET_BUILD_NUMBER": "7",
                "BITBUCKET_PR_DESTINATION_BRANCH": "main",
                "BITBUCKET_PR_DESTINATION_COMMIT": "b" * 12,
                "BITBUCKET_COMMIT": "f" * 40,
            },
            "Bitbucket Pipelines",
            ("b" * 12, "origin/main"),
            ("f" * 40,),
        ),
        (
            {"JENKINS_URL": "http://ci/", "CHANGE_TARGET": "main", "GIT_COMMIT": "f" * 40},
            "Jenkins",
            ("origin/main",),
            ("f" * 40,),
        ),
        (
            {"JENKINS_URL": "http://ci/", "GIT_COMMIT": "f" * 40, "GIT_PREVIOUS_SUCCESSFUL_COMMIT": "a" * 40},
            "Jenkins",
            ("a" * 40,),
            ("f" * 40,),
        ),
    ],
)
def test_other_systems(env: dict[str, str], name: str, bases: tuple[str, ...], heads: tuple[str, ...]) -> None:
    job = forge.detect(env)
    assert (job.name, job.bases, job.heads) == (name, bases, heads)
    assert job.format == ("azure" if name == "Azure Pipelines" else "text")


def test_elsewhere() -> None:
    assert forge.detect({"CI": "true"}) == forge.Job("", ())


API = {"GITHUB_API_URL": "https://api.github.com", "GITHUB_REPOSITORY": "o/r"}
GITEA = {"GITEA_ACTIONS": "true", "GITHUB_API_URL": "https://codeberg.org/api/v1", "GITHUB_TOKEN": "job"}


@pytest.mark.parametrize(
    ("env", "pull"),
    [
        (API, PullRequest(Forge.GITHUB, "https://api.github.com", "o/r", 7)),
        (API | GITEA, PullRequest(Forge.GITEA, "https://codeberg.org/api/v1", "o/r", 7, job_token="job")),
        ({}, None),
    ],
)
def test_the_pull_request_of_a_job(env: dict[str, str], pull: PullRequest | None, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    common = {"GITHUB_ACTIONS": "true", "GITHUB_SHA": "f" * 40, "GITHUB_EVENT_PATH": str(path)}
    for event in (PULL | {"number": 7}, {"pull_request": PULL["pull_request"] | {"number": 7}}):
        path.write_text(json.dumps(event), encoding="utf-8")
        assert forge.detect(common | env).pull == pull
    path.write_text(json.dumps(PUSH), encoding="utf-8")
    assert forge.detect(common | env).pull is None


def test_the_merge_request_of_a_job() -> None:
    """A fork's pipeline runs in the fork; the merge request is in the project that it goes to."""
    env = {
        "GITLAB_CI": "true",
        "CI_COMMIT_SHA": "f" * 40,
        "CI_API_V4_URL": "https://gitlab.com/api/v4",
        "CI_PROJECT_ID": "43",
    }
    assert forge.detect(env).pull is None
    request = {"CI_MERGE_REQUEST_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7"}
    assert forge.detect(env | request).pull == PullRequest(Forge.GITLAB, "https://gitlab.com/api/v4", "42", 7)


def test_a_token_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(PULL | {"number": 7}), encoding="utf-8")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(path), "GITHUB_REPOSITORY": "o/r"}
    with pytest.raises(UsageError, match="only sent over https"):
        forge.detect(env | {"GITHUB_API_URL": "http://forge.invalid/api/v3"})
