"""What a revision or a range on the command line means, in git's notation (``git help revisions``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reviewer.errors import GitError
from reviewer.git.target import Target, TargetKind

if TYPE_CHECKING:
    from reviewer.git.revision import Revisions

_FROM_PARENT = re.compile(r"(?P<commit>.+)\^-(?P<parent>[1-9]\d*)?")


def target(revisions: Revisions, text: str) -> Target:
    """Return what to review.

    Args:
        revisions: Those of the repository.
        text: ``REV`` or ``REV^!`` (a commit against its parent; a merge where it differs from all its parents),
            ``REV^-N`` (what the commit adds to its N-th parent, by default the first), ``A..B``, or ``A...B`` (B
            against the merge base).

    Raises:
        GitError: A revision or its parent is missing.
    """
    return _range(revisions, text) or _from_parent(revisions, text) or _commit(revisions, text)


def merge_base(revisions: Revisions, base: str, head: str) -> Target:
    """Return what ``head`` adds since it left ``base``.

    Raises:
        GitError: One of them is unknown, or they share no history.
    """
    old, new = revisions.merge_base(base, head)
    return Target(TargetKind.RANGE, old, new, f"{base}...{head}")


def _range(revisions: Revisions, text: str) -> Target | None:
    base, dots, head = text.partition("...")
    if not dots:
        base, dots, head = text.partition("..")
    if not dots:
        return None
    base, head = base or "HEAD", head or "HEAD"
    try:
        return merge_base(revisions, base, head) if dots == "..." else _between(revisions, base, head)
    except GitError:
        # Dots may also be part of a search such as HEAD^{/wait...}.
        if revisions.find(text, "commit") is None:
            raise
        return None


def _between(revisions: Revisions, base: str, head: str) -> Target:
    """Either end may be a tree: with the empty one as the base, everything is reviewed."""
    old, new = (revisions.object_id(end, "commit", "tree") for end in (base, head))
    return Target(TargetKind.RANGE, old, new, f"{base}..{head}")


def _from_parent(revisions: Revisions, text: str) -> Target | None:
    parts = _FROM_PARENT.fullmatch(text)
    if parts is None or revisions.find(parts["commit"], "commit") is None:  # a search such as :/a^-
        return None
    return _between(revisions, f"{parts['commit']}^{parts['parent'] or 1}", parts["commit"])


def _commit(revisions: Revisions, text: str) -> Target:
    alone = text.removesuffix("^!")
    name = alone if alone and revisions.find(alone, "commit") else text  # the suffix may end a search such as :/no^!
    head = revisions.object_id(name, "commit")
    base, *others = revisions.parents_or_empty_tree(head)
    short = head[:10]
    subject = f"commit {short}" if head.startswith(name) else f"commit {name} ({short})"
    if others:
        subject += ", where the merge differs from all its parents"
    return Target(TargetKind.COMMIT, base, head, subject, tuple(others))
