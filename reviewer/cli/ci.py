"""``reviewer ci``: review a pull request or a push on a CI machine.

The change comes from the head; settings, rules and templates come from the base, so that a pull request cannot turn
off its own review.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reviewer.cli import options, posting
from reviewer.config.options import FORMATS
from reviewer.errors import ExitCode, GitError, UsageError
from reviewer.terminal.masking import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.cli.forge import Job
    from reviewer.config import Settings
    from reviewer.finding import Review
    from reviewer.git import Repository

# The base revision is trusted, and so are the analyzers that its configuration names.
# The author of the change is not: comments in it suppress nothing unless that configuration allows it.
_DEFAULTS = {"fail_on": "error", "require": True, "trust_repository": True, "trust_comments": False}
_SUMMARY_LIMIT = 1_000_000  # GitHub refuses a step summary over 1 MiB


class _Report(click.ParamType[tuple[str, Path]]):
    """``FORMAT=FILE``."""

    name = "report"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """Split the two; a tuple is converted already."""
        if isinstance(value, tuple):
            return value
        form, equals, path = str(value).partition("=")
        if form not in FORMATS:
            self.fail(f"{form!r} is not a format; the formats are {', '.join(FORMATS)}", param, ctx)
        if not equals or not path:
            self.fail(f"{value!r} names no file; write {form}=FILE", param, ctx)
        return form, Path(path)


_EPILOG = """\b
Examples:
  reviewer ci                       in a job of a pull request
  reviewer ci --post                and comment on the job's pull request
  reviewer ci --post --dry-run      show the requests instead of sending them
  reviewer ci --base origin/main    anywhere else
  reviewer ci --report gitlab=gl-code-quality-report.json --report junit=review.xml
  reviewer ci --base origin/main --pull-request https://github.com/OWNER/REPO/pull/7 --post

Base and head are known in GitHub Actions, GitLab CI, Azure Pipelines, Bitbucket Pipelines, Jenkins, Gitea Actions and
Forgejo Actions. The clone needs the commits between them.

Fails on findings of severity error unless --fail-on or the configuration says otherwise. Settings, rules and templates
are read from the base revision.

--post writes one review with a comment on each line that has a finding, and one summary. After another push it posts
only new findings, updates the summary and marks comments whose finding is gone. The token is read from GITHUB_TOKEN
(pull-requests: write), GITLAB_TOKEN (scope api; CI_JOB_TOKEN cannot comment) or GITEA_TOKEN, and is sent to the forge
alone. If posting fails, the report is still written, and the exit code is 6 unless findings make it 1.
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
@click.option(
    "--report",
    "reports",
    metavar="FORMAT=FILE",
    type=_Report(),
    multiple=True,
    help="Also write the review in this format to this file; may be repeated.",
)
@posting.post_options
@options.sarif_option
@options.gate_options
@options.model_options
@options.install_option
@options.review_options
@options.format_option
@options.display_options
def ci(
    base: str | None,
    head: str | None,
    *,
    json_output: Path,
    reports: tuple[tuple[str, Path], ...],
    post: str | None,
    pull_request: str | None,
    dry_run: bool,
    sarif: tuple[Path, ...],
    install: bool,
    **flags: Any,
) -> int:
    """Review a pull request or a push on a CI machine."""
    from reviewer import config
    from reviewer.cli import common, forge
    from reviewer.config.repository import from_revision
    from reviewer.git import Repository
    from reviewer.review import review as make_review
    from reviewer.selection.source import from_repository
    from reviewer.terminal import output

    job = forge.detect(os.environ)
    destination = posting.destination(job, os.environ, post=post, url=pull_request, dry_run=dry_run)
    repository = Repository.discover()
    start = _base(repository, base, job)
    target = repository.merge_base_target(start, _first(repository, "head", (head,) if head else job.heads, job))
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
    files = from_revision(repository, start, settings.rule_files)
    review = make_review(source, settings, files, install=install, sarif=sarif)
    shows_requests = destination is not None and dry_run
    written = (("json", json_output), *reports)
    verdict = _publish(review, settings, job, written, root=repository.root, quiet=shows_requests)
    problem = posting.deliver(review, source.change, target, settings, verdict=verdict, where=destination)
    if problem is not None and verdict is not ExitCode.FINDINGS:
        return problem.exit_code
    return common.settled(review, verdict)


def _base(repository: Repository, named: str | None, job: Job) -> str:
    """The first base that exists in this clone.

    Raises:
        UsageError: There is none.
    """
    if named is None and not job.bases:
        where = job.name or "an unknown CI system"
        raise UsageError(f"cannot determine the base of the change from {where}", hint="reviewer ci --base origin/main")
    return _first(repository, "base", (named,) if named else job.bases, job)


def _first(repository: Repository, what: str, revisions: tuple[str, ...], job: Job) -> str:
    hint = None
    for revision in revisions:
        try:
            return repository.resolve(revision)
        except GitError as unknown:
            hint = unknown.hint
    raise UsageError(
        f"the {what} of the change ({' or '.join(revisions)}) is not in this clone",
        hint=f"Fetch the whole history: {job.depth}" if job.depth else hint,
    )


def _publish(
    review: Review, settings: Settings, job: Job, reports: Sequence[tuple[str, Path]], *, root: Path, quiet: bool
) -> ExitCode:
    """Write the reports; ``quiet`` leaves standard output to something else."""
    from reviewer.report.emit import note_aside, render, write_file
    from reviewer.report.gate import judge
    from reviewer.terminal import output

    verdict = judge(review, settings)
    for form, path in reports:
        write_file(path, render(review, settings, form, verdict), root=root)
    if job.summary is not None:
        _append(job.summary, render(review, settings, "markdown", verdict))
    if job.outputs is not None:
        _append(job.outputs, _outputs(review, verdict, reports[0][1]))
    shown = job.format if settings.origin("format") == "default" else settings.format
    if not quiet:
        text = render(review, settings, shown, verdict, on_terminal=True).rstrip("\n")
        output.say(text, commands=shown in ("github", "azure"))
        note_aside(review, shown)
    return verdict


def _outputs(review: Review, verdict: ExitCode, report: Path) -> str:
    """The step's outputs: nothing of the change stands in them but numbers."""
    values = {"verdict": verdict.name.lower(), "findings": len(review.shown), "report": visible(str(report))}
    return "".join(f"{name}={value}\n" for name, value in values.items())


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
