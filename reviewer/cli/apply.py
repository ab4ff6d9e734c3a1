"""``reviewer apply``: apply suggestions of the last review to the working tree."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reviewer.cli import completing
from reviewer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reviewer.applying.history import History
    from reviewer.applying.last import KeptFinding, LastReview
    from reviewer.applying.plan import Plan, Planner, Refusal
    from reviewer.applying.proof import Proof, Trial
    from reviewer.git import Repository

_EPILOG = """\b
Examples:
  reviewer apply                            list the suggestions as diffs
  reviewer apply 3f2a9 c07d1                apply these two to the working tree
  reviewer apply --all --dry-run | git apply
  reviewer apply --all --check "pytest -q"  apply only fixes that pass the tests
  reviewer apply --undo                     undo the last apply

The ids are those of the last review of this working tree. A file is changed only if its content is still what was
reviewed. The index is never changed: check git diff, then stage.

--check runs CMD through the shell in a temporary copy of the reviewed content: first without fixes, then with each fix
alone, then with all that passed. The copy holds tracked files only: no virtual environment, no node_modules, no build;
$REVIEWER_ORIGINAL_ROOT is the path of the working tree. A package installed in editable mode is imported from the
working tree, not from the copy: put the copy first, as in --check "PYTHONPATH=src pytest -q".

\b
Exit codes: 0 done, 1 a chosen suggestion was not applied or failed its check,
2 usage, or no review to apply from, 130 interrupted.
"""


@click.command(epilog=_EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=completing.findings)
@click.option("--all", "everything", is_flag=True, help="Apply every suggestion that was not dismissed.")
@click.option("--dry-run", is_flag=True, help="Print the patch; write nothing.")
@click.option("--check", "command", metavar="CMD", help="Apply only fixes for which CMD exits with 0.")
@click.option(
    "--check-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="Time limit for one run of CMD.",
)
@click.option("--undo", is_flag=True, help="Undo the last apply.")
def apply(
    ids: tuple[str, ...], *, everything: bool, dry_run: bool, command: str | None, check_timeout: float, undo: bool
) -> int:
    """Apply suggestions of the last review to the working tree.

    ID is as in the report; any unambiguous prefix will do. Without IDs and --all, list what can be applied.
    """
    from reviewer.applying import last
    from reviewer.applying.history import History
    from reviewer.applying.plan import Planner
    from reviewer.applying.proof import Trial
    from reviewer.git import Repository

    _refuse_contradictions(ids, everything=everything, acting=dry_run or command is not None, undo=undo)
    repository = Repository.discover()
    history = History(repository)
    if undo:
        return _undo(history)
    review = last.load(repository.git_dir)
    planner = Planner(repository, review, history.all())
    if not ids and not everything:
        return _list(repository, review, planner)
    chosen = _everything(repository, review) if everything else review.find(ids)
    plan = planner.plan(chosen)
    failed: tuple[str, ...] = ()
    if command is not None and plan.files:
        trial = Trial(command, check_timeout, _below(repository.root), repository.root)
        proof = _prove(repository, review, planner, [one for one in chosen if one.id in plan.ids], trial)
        _show_proof(proof, command, to_stdout=not dry_run)
        failed = tuple(number for number in plan.ids if number not in {one.id for one in proof.kept})
        plan = dataclasses.replace(planner.plan(proof.kept), refusals=plan.refusals)
    _tell(review, plan.refusals, failed)
    if dry_run:
        _print_patch(plan)
    else:
        _write(history, review, plan)
    return ExitCode.FINDINGS if failed or any(not one.settled for one in plan.refusals) else ExitCode.PASSED


def _refuse_contradictions(ids: Sequence[str], *, everything: bool, acting: bool, undo: bool) -> None:
    if undo and (ids or everything or acting):
        raise click.UsageError("--undo cannot be combined with IDs or other options")
    if ids and everything:
        raise click.UsageError("IDs and --all are mutually exclusive")
    if acting and not ids and not everything:
        raise click.UsageError("specify finding IDs or --all")


def _everything(repository: Repository, review: LastReview) -> tuple[KeptFinding, ...]:
    from reviewer.silencing.dismissal import Dismissals

    dismissed = Dismissals(repository.common_dir).silences()
    return tuple(
        one
        for one in review.findings
        if one.finding.suggestion is not None and one.finding.fingerprint not in dismissed
    )


def _list(repository: Repository, review: LastReview, planner: Planner) -> int:
    from reviewer.report import patch, view
    from reviewer.silencing.dismissal import Dismissals
    from reviewer.terminal import output

    dismissed = Dismissals(repository.common_dir).silences()
    plans = [(one, planner.plan([one])) for one in review.findings if one.finding.suggestion is not None]
    able = [(one, plan) for one, plan in plans if plan.files]
    applied = sum(refusal.settled for _, plan in plans for refusal in plan.refusals)
    refused = len(plans) - len(able) - applied
    output.note(f"{len(able) or 'nothing'} to apply from {_named(review)}")
    for number, (one, plan) in enumerate(able):
        finding = one.finding
        if number:
            output.say()
        tags = f"{finding.severity}, {finding.category}" + (
            ", dismissed" if one.finding.fingerprint in dismissed else ""
        )
        place = f"{view.safe_path(finding.path)}:{finding.line}"
        output.say(f"{one.id}  {place}  {tags}: {view.safe(finding.message)}")
        output.say(patch.render(plan.patch, color=output.colour_wanted()))
    if applied:
        output.note(f"{applied} applied already")
    if refused:
        output.note(f"{refused} cannot be applied; see why: reviewer apply --all --dry-run")
    return ExitCode.PASSED


def _prove(
    repository: Repository, review: LastReview, planner: Planner, able: Sequence[KeptFinding], trial: Trial
) -> Proof:
    from reviewer.applying.checkout import Checkouts
    from reviewer.applying.proof import prove
    from reviewer.applying.running import interruptible
    from reviewer.terminal import live

    with interruptible(), live.progress() as progress:
        progress.step("copying the reviewed content")
        with Checkouts(repository, review.kind, review.head) as checkouts:
            return prove(able, planner.plan, lambda files: trial.on(checkouts, files), progress)


def _below(root: Path) -> Path:
    """The current folder, relative to the top of the working tree."""
    try:
        return Path.cwd().resolve().relative_to(root.resolve())
    except (OSError, ValueError):  # GIT_WORK_TREE may name another place
        return Path()


def _show_proof(proof: Proof, command: str, *, to_stdout: bool) -> None:
    import sys

    from reviewer.applying.running import Outcome
    from reviewer.report import view
    from reviewer.terminal import output

    say: Callable[[str], object] = output.say
    if not to_stdout:  # standard output is for the patch alone
        say = lambda text: output.say(text, stream=sys.stderr)  # noqa: E731
    names = [" + ".join(step.ids) or "no fix" for step in proof.steps]
    room = max(map(len, names))
    say(f"check  {view.safe(command)}")
    for name, step in zip(names, proof.steps, strict=True):
        run = step.run
        status = f"   exit status {run.status}" if run.outcome is Outcome.FAILED else ""
        say(f"  {name:<{room}}  {run.outcome.value:<9}  {run.seconds:6.1f} s{status}")
        if not step.passed:
            for line in view.safe_lines(run.tail):
                say(f"  {'':<{room}}  | {line}")
    if not proof.baseline.passed:
        say("The command fails without any fix; only fixes that make it pass are kept.")
    if any(len(step.ids) > 1 and not step.passed for step in proof.steps):
        together = ", ".join(one.id for one in proof.kept)
        say(f"The fixes fail together; kept: {together}.")


def _tell(review: LastReview, refusals: Sequence[Refusal], failed: Sequence[str]) -> None:
    from reviewer.terminal import output

    for one in refusals:
        if one.settled:
            output.note(f"{one.id} is already applied")
        else:
            output.note(f"{one.id} was not applied: {one.reason}" + (f"\n{one.hint}" if one.hint else ""))
    for number in failed:
        output.note(f"{number} was not applied: its check failed")
    if refusals:
        output.note(f"ids refer to {_named(review)}")


def _print_patch(plan: Plan) -> None:
    from reviewer.diff import encode
    from reviewer.report import patch
    from reviewer.terminal import output

    if not plan.files:
        return
    if output.is_terminal():
        output.say(patch.render(plan.patch, color=output.colour_wanted()))
    else:
        output.say_bytes(encode(plan.patch))


def _write(history: History, review: LastReview, plan: Plan) -> None:
    from reviewer.report import patch
    from reviewer.terminal import output

    if not plan.files:
        output.note(f"nothing was applied from {_named(review)}")
        return
    history.write(plan, review.made, review.subject)
    output.say(patch.render(plan.patch, color=output.colour_wanted()))
    what = f"{len(plan.files)} files" if len(plan.files) > 1 else plan.files[0].path
    done = f"applied {', '.join(plan.ids)} to {what} from {_named(review)}; nothing was staged"
    output.note(f"{done}\nundo: reviewer apply --undo")


def _undo(history: History) -> int:
    from reviewer.terminal import output

    taken = history.undo()
    output.note(f"undid {', '.join(taken.ids)} of the review of {taken.subject} in {', '.join(taken.files)}")
    return ExitCode.PASSED


def _named(review: LastReview) -> str:
    return f"the review of {review.subject}, made {_ago(review.seconds_ago)} ago"


def _ago(seconds: float) -> str:
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(0, seconds):.0f} s"
