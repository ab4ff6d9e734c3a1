"""``reviewer ci``: review a pull request or a push on a CI machine.

The change comes from the head; settings, rules and templates come from the base, so that a pull request cannot turn
off its own review.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options
from reviewer.errors import GitError, UsageError

if TYPE_CHECKING:
    from reviewer.cli.forge import Job
    from reviewer.config import Settings
    from reviewer.finding import Review
    from reviewer.git import Repository

# The base revision is trusted, and so are the analyzers that its configuration names.
# The author of the change is not: comments in it suppress nothing unless that configuration allows it.
_DEFAULTS = {"fail_on": "error", "require": True, "trust_repository": True, "trust_comments": False}
_SUMMARY_LIMIT = 1_000_000  # GitHub refuses a step summary over 1 MiB
_ADVICE = "fetch the whole history: fetch-depth: 0 in GitHub Actions, GIT_DEPTH: 0 in GitLab CI"

_EPILOG = """\b
Examples:
  reviewer ci                       in GitHub Actions or GitLab CI
  reviewer ci --base origin/main    anywhere else

Fails on findings of severity error unless --fail-on or the configuration says otherwise. Settings, rules and templates
are read from the base revision.
"""


@click.command(epilog=_EPILOG)
@click.option("--base", metavar="REV", help="Base of the change; by default from the CI job's variables.")
@click.option("--head", metavar="REV", help="Head of the change.")
@click.option(
    "--json-output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("reviewer-report.json"),
    show_default=True,
    help="Write the review as JSON to this file, to keep as an artefact.",
)
@options.sarif_option
@options.gate_options
@options.model_options
@options.install_option
@options.review_options
@options.format_option
@options.display_options
def ci(
    base: str | None, head: str | None, *, json_output: Path, sarif: tuple[Path, ...], install: bool, **flags: Any
) -> int:
    """Review a pull request or a push on a CI machine."""
    from reviewer import config
    from reviewer.cli import forge
    from reviewer.config.repository import from_revision
    from reviewer.git import Repository
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository
    from reviewer.terminal import output

    job = forge.detect(os.environ)
    repository = Repository.discover()
    start = _base(repository, base, job)
    target = repository.merge_base_target(start, _first(repository, "head", (head,) if head else job.heads))
    settings = config.load(
        repository.root,
        os.environ,
        options.as_flags(flags),
        lambda name: repository.show(start, name),
        defaults=_DEFAULTS,
    )
    for remark in settings.notes:
        output.note(remark)
    source = from_repository(repository, target, attributes_from=start)
    review = make_review(source, settings, from_revision(repository, start), install=install, sarif=sarif)
    return _publish(review, settings, job, json_output, repository.root)


def _base(repository: Repository, named: str | None, job: Job) -> str:
    """The first base that exists in this clone.

    Raises:
        UsageError: There is none.
    """
    if named is None and not job.bases:
        where = job.name or "an unknown CI system"
        raise UsageError(f"cannot determine the base of the change from {where}", hint="reviewer ci --base origin/main")
    return _first(repository, "base", (named,) if named else job.bases)


def _first(repository: Repository, what: str, revisions: tuple[str, ...]) -> str:
    for revision in revisions:
        with contextlib.suppress(GitError):
            return repository.resolve(revision)
    raise UsageError(f"the {what} of the change ({' or '.join(revisions)}) is not in this clone", hint=_ADVICE)


def _publish(review: Review, settings: Settings, job: Job, json_output: Path, root: Path) -> int:
    from reviewer.cli import common
    from reviewer.report.emit import render, write_file
    from reviewer.report.gate import judge
    from reviewer.terminal import output

    verdict = judge(review, settings)
    write_file(json_output, render(review, settings, "json", verdict), root=root)
    if job.summary is not None:
        _append(job.summary, render(review, settings, "markdown", verdict))
    default = "github" if job.annotations else "text"
    shown = default if settings.origin("format") == "default" else settings.format
    output.say(render(review, settings, shown, verdict, on_terminal=True).rstrip("\n"), commands=shown == "github")
    return common.settled(review, verdict)


def _append(path: Path, text: str) -> None:
    """Append to the step's summary, which other steps write to as well.

    Raises:
        UsageError: It cannot be written.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > _SUMMARY_LIMIT:
        data = data[:_SUMMARY_LIMIT].rpartition(b"\n")[0] + b"\n\nTruncated; the JSON report is complete.\n"
    try:
        with path.open("ab") as file:
            file.write(data.rstrip(b"\n") + b"\n")
    except OSError as problem:
        raise UsageError(f"cannot write the step summary {path}: {problem.strerror}") from problem
