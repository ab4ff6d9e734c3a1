"""Rules for GitHub workflows that compare several places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.evidence.diagnostic import Fault
from reviewer.evidence.manifests.documents import child, items, kind_of, pairs, text_of, walk
from reviewer.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

_CONTEXT = re.compile(r"\b(needs|steps|matrix)\.([A-Za-z_][\w-]*)(?:\.outputs\.([A-Za-z_][\w-]*))?")
# Ends at the next opening: a search from each of many that are not closed would take quadratic time.
_EXPRESSION = re.compile(r"\$\{\{((?:[^$}]|\$(?!\{\{)|\}(?!\}))*)\}\}")
_CHECK = re.compile(
    r"(?m)^\s*(?:npm (?:run )?(?:test|lint)|yarn (?:test|lint)|pnpm (?:test|lint)|pytest|python -m pytest|"
    r"go (?:test|vet)|cargo (?:test|clippy)|make (?:test|lint|check)|ruff check|mypy|rspec|bundle exec rspec|phpunit|"
    r"dotnet test|\./gradlew \w*test|mvn\b.* (?:test|verify))\b"
)
_OTHER_JOB = Fault(
    "gha-job-not-needed",
    "The job does not name this one in `needs`, so the value is empty here.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#needs-context",
    Severity.ERROR,
)
_NO_JOB = Fault(
    "gha-job-unknown",
    "The workflow has no job of this name, so it is refused.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idneeds",
    Severity.ERROR,
)
_NO_STEP = Fault(
    "gha-step-unknown",
    "No step of this job has this `id`, so the value is empty.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#steps-context",
    Severity.ERROR,
)
_NO_OUTPUT = Fault(
    "gha-output-unknown",
    "The job declares no output of this name, so the value is empty.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idoutputs",
    Severity.ERROR,
)
_NO_MATRIX = Fault(
    "gha-matrix-value-unknown",
    "The matrix of this job has no such key, so the value is empty.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#matrix-context",
    Severity.ERROR,
)
_IGNORED = Fault(
    "gha-check-never-fails",
    "`continue-on-error` hides every failure, so this check can never fail.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepscontinue-on-error",
    Severity.WARNING,
)
_CANCELLED = Fault(
    "gha-deployment-cancelled",
    "A newer run stops the deployment in the middle.",
    "https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency",
    Severity.WARNING,
)
_AFTER_FAILURE = Fault(
    "gha-deployed-after-failure",
    "With `always()` the job also runs when the jobs that it needs have failed.",
    "https://docs.github.com/en/actions/reference/workflows-and-actions/expressions#always",
    Severity.ERROR,
)


def faults(document: Node) -> Iterator[tuple[Fault, Node]]:
    """Report what does not fit together in a workflow."""
    jobs = {name: job for name, job in pairs(child(document, "jobs")) if kind_of(job) == "mapping"}
    for name, job in jobs.items():
        needs = child(job, "needs")
        needed = {str(one.value): one for one in (items(needs) or [needs] if needs is not None else [])}
        for other, place in needed.items():
            if other not in jobs and "${{" not in other:
                yield _NO_JOB, place
        yield from _contexts(job, jobs, set(needed))
        yield from _steps(job)
        if re.match(r"(?i)deploy|release|publish", name) and needed:
            condition = child(job, "if")
            if condition is not None and re.fullmatch(
                r"(?:\$\{\{\s*)?always\(\)(?:\s*\}\})?", str(condition.value).strip()
            ):
                yield _AFTER_FAILURE, condition
    for owner, names in ((document, " ".join(jobs)), *((job, name) for name, job in jobs.items())):
        concurrency = child(owner, "concurrency")
        cancel = child(concurrency, "cancel-in-progress")
        about = f"{text_of(concurrency, 'group')} {names}"
        deploys = re.search(r"(?i)\b(?:deploy|release|publish|prod)", about)
        harmless = re.search(r"(?i)preview|test|lint|pages|docs|build|check", about)
        if cancel is not None and cancel.value == "true" and deploys and not harmless:
            yield _CANCELLED, cancel


def _contexts(job: Node, jobs: dict[str, Node], needed: set[str]) -> Iterator[tuple[Fault, Node]]:
    """Check what the expressions of a job name."""
    ids = {text_of(step, "id") for step in items(child(job, "steps"))}
    matrix = child(job, "strategy", "matrix")
    keys = {key for key, _ in pairs(matrix)} | {
        key for name in ("include", "exclude") for item in items(child(matrix, name)) for key, _ in pairs(item)
    }
    open_ended = matrix is not None and (
        kind_of(matrix) != "mapping" or any(kind_of(value) == "scalar" for _, value in pairs(matrix))
    )
    conditions = {id(value) for node in walk(job) for key, value in pairs(node) if key == "if"}
    for node in walk(job):
        if kind_of(node) != "scalar":
            continue
        texts = [node.value] if id(node) in conditions else _EXPRESSION.findall(node.value)
        for context, name, output in (found for text in texts for found in _CONTEXT.findall(text)):
            if context == "needs" and name not in needed and name in jobs:
                yield _OTHER_JOB, node
            elif context == "needs" and output and name in jobs and _lacks(jobs[name], output):
                yield _NO_OUTPUT, node
            elif context == "steps" and name not in ids and child(job, "steps") is not None:
                yield _NO_STEP, node
            elif context == "matrix" and name not in keys and not open_ended:
                yield _NO_MATRIX, node


def _lacks(job: Node, output: str) -> bool:
    return child(job, "uses") is None and output not in dict(pairs(child(job, "outputs")))


def _steps(job: Node) -> Iterator[tuple[Fault, Node]]:
    for step in items(child(job, "steps")):
        ignored = child(step, "continue-on-error")
        checks = child(step, "id") is None and _CHECK.search(text_of(step, "run")) is not None
        if ignored is not None and ignored.value == "true" and checks:
            yield _IGNORED, ignored
