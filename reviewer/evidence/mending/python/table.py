"""Which rule is mended by which fixer, for reports of ruff and of built-in rules about Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.evidence.mending.python import (
    arguments,
    asynchronous,
    commands,
    counts,
    defaults,
    exceptions,
    files,
    frameworks,
    loops,
    queries,
    releases,
    security,
    slips,
    times,
)
from reviewer.evidence.mending.python.tree import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.evidence.diagnostic import Diagnostic, Edits
    from reviewer.evidence.mending.python.tree import Code
    from reviewer.evidence.reviewed import ReviewedFile

_FIXERS: dict[str, Callable[[Code, Diagnostic], Edits]] = {
    "ASYNC210": asynchronous.in_thread,
    "ASYNC212": asynchronous.in_thread,
    "ASYNC220": asynchronous.in_thread,
    "ASYNC221": asynchronous.in_thread,
    "ASYNC222": asynchronous.in_thread,
    "ASYNC250": asynchronous.in_thread,
    "ASYNC251": asynchronous.sleeping,
    "B030": exceptions.several_errors,
    "B909": loops.over_copy,
    "BLE001": exceptions.named,
    "DTZ003": times.in_utc,
    "DTZ004": times.in_utc,
    "DTZ005": times.with_zone,
    "DTZ006": times.with_zone,
    "E722": exceptions.named,
    "PLW0177": slips.is_nan,
    "PLW0711": exceptions.several_errors,
    "RUF008": defaults.made_by_factory,
    "RUF009": defaults.made_by_factory,
    "S110": exceptions.named,
    "S112": exceptions.named,
    "S113": arguments.added("timeout=30"),
    "S201": security.not_debugged,
    "S306": files.temporary,
    "S307": security.literal,
    "S505": security.long_key,
    "S602": commands.without_shell,
    "S605": commands.without_shell,
    "S608": queries.with_parameters,
    "S701": security.escaped,
    "S704": security.markup,
    "SIM115": files.closed,
    "py-argparse-type-bool": frameworks.boolean_option,
    "py-called-instead-of-passed": slips.passed,
    "py-collection-changed-in-loop": loops.over_copy,
    "py-command-line-as-program": commands.without_shell,
    "py-continue-skips-step": loops.step_before,
    "py-cookie-without-protection": security.protected,
    "py-change-not-committed": frameworks.committed,
    "py-decorator-below-route": frameworks.route_first,
    "py-default-evaluated-once": defaults.called_later,
    "py-default-parameter-evaluated-once": defaults.in_each_call,
    "py-endless-recursion": slips.own_field,
    "py-errors-of-gather-dropped": asynchronous.with_errors,
    "py-iterator-used-up": loops.listed,
    "py-last-batch-not-flushed": loops.flushed,
    "py-last-part-dropped": counts.rounded_up,
    "py-lock-not-released": releases.locked,
    "py-loop-inside-loop": asynchronous.awaited,
    "py-missing-comma-in-list": slips.comma,
    "py-next-element-past-end": counts.shorter,
    "py-not-restored-after-error": releases.restored,
    "py-open-not-closed": files.closed,
    "py-operand-always-true": slips.one_of,
    "py-permission-by-assert": security.raising,
    "py-prefix-without-separator": security.with_separator,
    "py-range-past-end": counts.shorter,
    "py-secret-compared-in-steps": security.compared_at_once,
    "py-secret-logged": security.starred,
    "py-seconds-of-difference": times.whole_seconds,
    "py-share-of-whole-numbers": counts.multiplied_first,
    "py-work-sent-before-commit": frameworks.on_commit,
}


def edits(one: Diagnostic, file: ReviewedFile) -> Edits:
    """Return the fix of a report about Python; empty where there is no mechanical one."""
    fixer = _FIXERS.get(one.source.rule)
    if fixer is None or file.language.name != "python" or one.column <= 0 or not one.end_column:
        return ()
    code = read(file.text)
    return () if code is None else fixer(code, one)
