"""Formats the endpoints of ``engine.url`` for ``reviewer engine status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.engine.client.attached import Report


def reports() -> list[Report]:
    """Query each endpoint; empty if none is configured or the settings cannot be read."""
    import asyncio

    from reviewer.cli import common
    from reviewer.engine.client import attached
    from reviewer.errors import ConfigError
    from reviewer.terminal import output

    try:
        settings = common.load_settings(common.here(), {})
        return asyncio.run(attached.reports(settings.model_config)) if settings.url else []
    except ConfigError as problem:
        output.note(problem.message)  # local engines are still shown
        return []


def lines(found: Sequence[Report]) -> list[str]:
    """One line for each endpoint."""
    from reviewer.terminal.masking import visible

    return [visible(_line(report)) for report in found]


def plain(found: Sequence[Report]) -> list[dict[str, Any]]:
    """One JSON object for each endpoint, with the keys of a local engine where they apply."""
    return [
        {
            "model": report.models[0] if report.models else None,
            "served_name": report.models[0] if report.models else None,
            "status": "unusable" if report.problem else "attached",
            "endpoint": report.endpoint,
            "requests_running": report.running,
            "requests_waiting": report.waiting,
            "problem": report.problem or None,
        }
        for report in found
    ]


def _line(report: Report) -> str:
    if report.problem:
        return f"{report.endpoint}  unusable: {report.problem}"
    facts = [f"{', '.join(report.models)}  attached"]
    facts += [
        f"{count} {what}"
        for count, what in ((report.running, "running"), (report.waiting, "waiting"))
        if count is not None
    ]
    return f"{', '.join(facts)}\n  {report.endpoint}"
