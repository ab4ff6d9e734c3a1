"""What this repository's people asked not to hear of again, for the review of a change in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer.errors import UsageError

if TYPE_CHECKING:
    from reviewer.finding import Silence
    from reviewer.git import Repository


def known(repository: Repository | None) -> dict[str, Silence]:
    """Findings to silence, by fingerprint; a list that cannot be read is told of, and stops nothing."""
    if repository is None:
        return {}
    from reviewer.silencing.dismissal import Dismissals
    from reviewer.terminal import output

    try:
        return dict(Dismissals(repository.common_dir).silences())
    except UsageError as problem:
        output.note(f"{problem.message}; what was dismissed is shown again")
        return {}
