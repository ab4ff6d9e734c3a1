"""Reads a CI job's environment: base and head of the change, its pull request, and where results go.

Variables are documented by GitHub ("Variables reference", "Webhook events and payloads"), GitLab ("Predefined CI/CD
variables reference"), Azure ("Use predefined variables"), Bitbucket ("Variables and secrets") and Jenkins ("Global
variables", and those of the plugin Branch API). Gitea and Forgejo set GitHub's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reviewer import untrusted
from reviewer.errors import UsageError
from reviewer.posting.destination import Forge, PullRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Job:
    """One CI job.

    Attributes:
        name: The CI system's name for messages; empty if unknown.
        bases: Candidates for the base revision, best first.
        heads: Candidates for the head revision, best first.
        depth: How to fetch the whole history there; empty if unknown.
        format: The format of standard output that the CI system reads best.
        summary: A file that is shown as Markdown.
        outputs: A file that takes the step's outputs, ``name=value``.
        pull: The pull request that the job belongs to, if any.
    """

    name: str
    bases: tuple[str, ...]
    heads: tuple[str, ...] = ("HEAD",)
    depth: str = ""
    format: str = "text"
    summary: Path | None = None
    outputs: Path | None = None
    pull: PullRequest | None = None


def detect(env: Mapping[str, str]) -> Job:
    """Describe the job that this process runs in.

    Raises:
        UsageError: GitHub's event file cannot be read.
    """
    if env.get("GITHUB_ACTIONS") == "true":
        return _github(env)
    if env.get("GITLAB_CI") == "true":
        return _gitlab(env)
    if env.get("TF_BUILD", "").lower() == "true":
        return _azure(env)
    if env.get("BITBUCKET_BUILD_NUMBER"):
        return _bitbucket(env)
    if env.get("JENKINS_URL"):
        return _jenkins(env)
    return Job("", ())


def _github(env: Mapping[str, str]) -> Job:
    event = _event(env)
    pull, group = event.get("pull_request"), event.get("merge_group")
    heads: tuple[str, ...] = (env.get("GITHUB_SHA") or "HEAD",)
    if isinstance(pull, dict):
        # GITHUB_SHA is a merge with a base that may have moved; the pull request's own head is reviewed.
        # A pull_request_target job checks out the base, so GITHUB_SHA is no fallback there.
        own = _text(pull, "head", "sha")
        heads = (own,) if env.get("GITHUB_EVENT_NAME") == "pull_request_target" else _known(own, *heads)
        bases = (_text(pull, "base", "sha"), _branch(env.get("GITHUB_BASE_REF")))
    elif isinstance(group, dict):
        bases = (_text(group, "base_sha"), _branch(_text(group, "base_ref").removeprefix("refs/heads/")))
    else:
        default = _text(event, "repository", "default_branch")
        bases = (_text(event, "before"), "" if default == env.get("GITHUB_REF_NAME") else _branch(default))
    pull_request = _pull(env, event)
    gitea = env.get("GITEA_ACTIONS") == "true" or env.get("FORGEJO_ACTIONS") == "true"
    return Job(
        "Gitea Actions" if gitea else "GitHub Actions",
        _known(*bases),
        heads,
        depth="fetch-depth: 0 for actions/checkout",
        format="text" if gitea else "github",  # Gitea and Forgejo show no annotations
        summary=_path(env.get("GITHUB_STEP_SUMMARY")),
        outputs=_path(env.get("GITHUB_OUTPUT")),
        pull=pull_request,
    )


def _gitlab(env: Mapping[str, str]) -> Job:
    head = env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or env.get("CI_COMMIT_SHA") or "HEAD"
    default = env.get("CI_DEFAULT_BRANCH", "")
    bases = (
        env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        env.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", ""),
        _branch(env.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")),
        env.get("CI_COMMIT_BEFORE_SHA", ""),
        "" if default == env.get("CI_COMMIT_REF_NAME") else _branch(default),
    )
    project, number = env.get("CI_MERGE_REQUEST_PROJECT_ID", ""), env.get("CI_MERGE_REQUEST_IID", "")
    api = env.get("CI_API_V4_URL", "")
    pull = PullRequest(Forge.GITLAB, api, project, int(number)) if api and project and number.isdigit() else None
    return Job("GitLab CI", _known(*bases), (head,), depth='GIT_DEPTH: "0"', pull=pull)


def _azure(env: Mapping[str, str]) -> Job:
    # BUILD_SOURCEVERSION of a pull request is a merge with the target, as on GitHub.
    heads = _known(env.get("SYSTEM_PULLREQUEST_SOURCECOMMITID", ""), env.get("BUILD_SOURCEVERSION") or "HEAD")
    target = env.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "").removeprefix("refs/heads/")
    return Job("Azure Pipelines", _known(_branch(target)), heads, depth="fetchDepth: 0 for checkout", format="azure")


def _bitbucket(env: Mapping[str, str]) -> Job:
    bases = (env.get("BITBUCKET_PR_DESTINATION_COMMIT", ""), _branch(env.get("BITBUCKET_PR_DESTINATION_BRANCH")))
    head = env.get("BITBUCKET_COMMIT") or "HEAD"
    return Job("Bitbucket Pipelines", _known(*bases), (head,), depth="clone: depth: full")


def _jenkins(env: Mapping[str, str]) -> Job:
    """A job of a multibranch pipeline, or of the Git plugin, which remembers the commit it built last."""
    bases = (_branch(env.get("CHANGE_TARGET")), env.get("GIT_PREVIOUS_SUCCESSFUL_COMMIT", ""))
    depth = "no shallow clone, and the target branch in the refspec"
    return Job("Jenkins", _known(*bases), (env.get("GIT_COMMIT") or "HEAD",), depth=depth)


def _pull(env: Mapping[str, str], event: dict[str, Any]) -> PullRequest | None:
    """The pull request of a job on GitHub, Gitea or Forgejo, whose runners set the same variables."""
    pull = event.get("pull_request")
    number = pull.get("number", event.get("number")) if isinstance(pull, dict) else None
    project, api = env.get("GITHUB_REPOSITORY", ""), env.get("GITHUB_API_URL", "").rstrip("/")
    if not isinstance(number, int) or not project or not api:
        return None
    if any(env.get(name) == "true" for name in ("GITEA_ACTIONS", "FORGEJO_ACTIONS")):
        return PullRequest(Forge.GITEA, api, project, number, job_token=env.get("GITHUB_TOKEN", ""))
    return PullRequest(Forge.GITHUB, api, project, number)


def _event(env: Mapping[str, str]) -> dict[str, Any]:
    path = env.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        event = untrusted.parse_json(Path(path).read_bytes())
    except (OSError, ValueError) as problem:
        raise UsageError(
            f"cannot read GitHub's event file {path}: {getattr(problem, 'strerror', None) or problem}",
            hint="reviewer ci --base REV",
        ) from None
    return event if isinstance(event, dict) else {}


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def _text(tree: object, *keys: str) -> str:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree if isinstance(tree, str) else ""


def _branch(name: str | None) -> str:
    return f"origin/{name}" if name else ""


def _known(*revisions: str) -> tuple[str, ...]:
    """Drop empty and all-zero revisions, which mean "none"."""
    return tuple(dict.fromkeys(revision for revision in revisions if revision.strip("0")))
