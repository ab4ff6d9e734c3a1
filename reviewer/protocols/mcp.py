"""A Model Context Protocol server: reviews, fixes and the local model as tools for coding agents.

Every tool that asks the model uses one ``AIModelManager``, which joins the engine that runs or starts one, and leaves
it warm.
Protocol and SDK: https://modelcontextprotocol.io, package ``mcp`` 2.x.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context  # noqa: TC002 - the SDK reads the annotations at run time
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from reviewer import __version__
from reviewer.engine.manager import AIModelManager
from reviewer.errors import ReviewerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reviewer.applying.last import LastReview
    from reviewer.config import Settings
    from reviewer.finding import Review
    from reviewer.git import Repository

_INSTRUCTIONS = (
    "Reviews git changes on this machine. review_diff reports defects on changed lines, found by rules and analyzers, "
    "with proven fixes; apply_suggestion writes one into the working tree."
)
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_TICK_SECONDS = 0.5
LAST_REVIEW = "reviewer://review/last"
CONFIGURATION = "reviewer://config"


class _Steps:
    """Collects progress from library code, for ``_reported`` to send."""

    def __init__(self) -> None:
        self.message = ""
        self.done = 0.0
        self.total: float | None = None

    def step(self, message: str) -> None:
        self.message, self.done, self.total = message, 0.0, None

    def advance(self, done: float, total: float | None, unit: str = "") -> None:  # noqa: ARG002 - Progress
        self.done, self.total = done, total


def make_server(repository: Repository | None, settings: Settings) -> MCPServer[Any]:
    """Make the server for one repository.

    Args:
        repository: The repository whose changes are reviewed; None offers only the tools that need none.
        settings: The configuration in force.
    """
    manager = AIModelManager(settings.model_config, keep_warm=True)

    @contextlib.asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await manager.detach()

    server: MCPServer[Any] = MCPServer(
        "reviewer", title="vllm-reviewer", instructions=_INSTRUCTIONS, version=__version__, lifespan=lifespan
    )
    _add_model_tools(server, manager)
    if repository is not None:
        _add_review_tools(server, repository, settings)
    _add_resources(server, repository, settings)
    return server


def _add_model_tools(server: MCPServer[Any], manager: AIModelManager) -> None:
    @server.tool(annotations=_READS)
    async def explain_code(code: str, ctx: Context, question: str | None = None, language: str | None = None) -> str:
        """Explain code with the local model, or answer a question about it."""
        async with _reported(ctx) as steps:
            await manager.load_model(progress=steps)
            steps.step("explaining")
            return await manager.explain_code(code, question, language=language)

    @server.tool(annotations=_READS)
    async def generate_code_completion(
        code_context: str, ctx: Context, cursor_position: int | None = None, language: str | None = None
    ) -> str:
        """Write the code that belongs at a position in code_context: a character offset, its end by default."""
        at = len(code_context) if cursor_position is None else cursor_position
        async with _reported(ctx) as steps:
            await manager.load_model(progress=steps)
            steps.step("completing")
            return await manager.generate_code_completion(code_context, at, language=language)

    @server.tool(annotations=_READS)
    async def generate_text(prompt: str, ctx: Context) -> str:
        """Answer a free prompt with the local model."""
        async with _reported(ctx) as steps:
            await manager.load_model(progress=steps)
            steps.step("writing")
            return await manager.generate_text(prompt)

    @server.tool(annotations=_READS, structured_output=True)
    async def engine_status() -> dict[str, Any]:
        """Report the model, the engine's state and health, and what its requests took. Starts nothing."""
        with _tool_errors():
            return {**manager.get_model_status(), "health": await manager.health_check()}


def _add_review_tools(server: MCPServer[Any], repository: Repository, settings: Settings) -> None:
    @server.tool(annotations=_READS, structured_output=True)
    async def review_diff(
        ctx: Context, revision: str | None = None, patch: str | None = None, *, use_model: bool = True
    ) -> dict[str, Any]:
        """Review a change and return the report.

        Reviews what is staged, or the commit or range in revision (HEAD, main...HEAD), or the text of a patch. With
        use_model false, only rules and analyzers run, within a second. apply_suggestion takes the ids of findings.
        """
        async with _reported(ctx) as steps:
            return await _review(repository, settings, revision, patch, use_model=use_model, steps=steps)

    @server.tool(annotations=_WRITES, structured_output=True)
    async def apply_suggestion(ids: list[str], *, dry_run: bool = False) -> dict[str, Any]:
        """Write the fixes of some findings of the last review into the working tree. The index is never written.

        A file is changed only while it is exactly what was reviewed. With dry_run, only the patch is returned.
        """
        with _tool_errors():
            return await asyncio.to_thread(_apply, repository, ids, dry_run=dry_run)


def _add_resources(server: MCPServer[Any], repository: Repository | None, settings: Settings) -> None:
    @server.resource(CONFIGURATION, mime_type="application/json", description="The settings in force.")
    def configuration() -> str:
        from reviewer.config import OPTIONS
        from reviewer.config.options import Trust

        shown = {one.key: getattr(settings, one.field) for one in OPTIONS if one.trust is not Trust.SECRET}
        return json.dumps(shown, indent=2, default=list)

    @server.prompt(description="Review what is staged, and fix what was found.")
    def review_and_fix() -> str:
        return (
            "Call review_diff. For each finding with a proven fix, call apply_suggestion with its id. For each other "
            "finding, read the code around it and mend the cause. Then call review_diff with use_model false to check."
        )

    if repository is None:
        return

    @server.resource(LAST_REVIEW, mime_type="application/json", description="The findings of the last review here.")
    def last_review() -> str:
        from reviewer.applying import last

        return json.dumps(_findings(last.load(repository.git_dir)), indent=2)


async def _review(
    repository: Repository,
    settings: Settings,
    revision: str | None,
    patch: str | None,
    *,
    use_model: bool,
    steps: _Steps,
) -> dict[str, Any]:
    import dataclasses

    from reviewer.applying import last
    from reviewer.config.repository import from_worktree
    from reviewer.git import Target
    from reviewer.review import review_change
    from reviewer.selection.source import from_patch, from_repository

    if revision is not None and patch is not None:
        raise ToolError("give revision or patch, not both")
    chosen = dataclasses.replace(settings, use_model=settings.use_model and use_model)
    if patch is not None:
        target = Target.of_patch("patch")
        source = from_patch(patch.encode("utf-8", "surrogateescape"), target.subject)
    else:
        target = repository.target(revision, staged=revision is None)
        source = await asyncio.to_thread(from_repository, repository, target)
    found = await review_change(source, chosen, files=from_worktree(repository, settings.rule_files), progress=steps)
    last.keep(repository, target, found, source.read)
    return _report(found, chosen)


def _report(review: Review, settings: Settings) -> dict[str, Any]:
    from reviewer.report.emit import render
    from reviewer.report.gate import judge

    document: dict[str, Any] = json.loads(render(review, settings, "json", judge(review, settings), advisory=True))
    return document


def _findings(review: LastReview) -> dict[str, Any]:
    from reviewer.terminal.masking import mask

    return {
        "subject": review.subject,
        "made": review.made,
        "findings": [
            {
                "id": one.id,
                "path": one.finding.path,
                "line": one.finding.line,
                "severity": one.finding.severity.value,
                "message": mask(one.finding.message),
                "fixable": one.finding.suggestion is not None,
            }
            for one in review.findings
        ],
    }


def _apply(repository: Repository, ids: list[str], *, dry_run: bool) -> dict[str, Any]:
    from reviewer.applying import last
    from reviewer.applying.history import History
    from reviewer.applying.plan import Planner

    review = last.load(repository.git_dir)
    history = History(repository)
    plan = Planner(repository, review, history.all()).plan(review.find(ids))
    if plan.files and not dry_run:
        history.write(plan, review.made, review.subject)
    return {
        "applied": [] if dry_run else list(plan.ids),
        "refused": [{"id": one.id, "reason": one.reason} for one in plan.refusals],
        "patch": plan.patch,
    }


@contextlib.asynccontextmanager
async def _reported(ctx: Context) -> AsyncIterator[_Steps]:
    """Send progress notifications while a tool works, and turn expected errors into tool errors."""
    steps = _Steps()
    sender = asyncio.create_task(_send(ctx, steps))
    try:
        with _tool_errors():
            yield steps
    finally:
        sender.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sender


async def _send(ctx: Context, steps: _Steps) -> None:
    """Report the current step about twice a second; ``progress`` must rise, so it counts the reports."""
    count = 0
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        if steps.message:
            count += 1
            share = f" ({steps.done:g} of {steps.total:g})" if steps.total else ""
            await ctx.report_progress(count, None, f"{steps.message}{share}")


@contextlib.contextmanager
def _tool_errors() -> Iterator[None]:
    try:
        yield
    except ReviewerError as problem:
        raise ToolError("\n".join(part for part in (problem.message, problem.hint) if part)) from problem
