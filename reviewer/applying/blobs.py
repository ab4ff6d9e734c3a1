"""What git would store of a text, asked of git itself: line endings and clean filters are its business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reviewer import diff
from reviewer.git.command import text

if TYPE_CHECKING:
    from reviewer.git import Repository


class Blobs:
    """The blobs of one repository, by their object ids; nothing is written."""

    def __init__(self, repository: Repository) -> None:
        self._git = repository.command

    def id_of(self, content: str | bytes, path: str | None = None) -> str:
        """Return the object id of a content.

        Args:
            content: Bytes, or text as ``diff.decode`` gives it.
            path: Where it would lie in the working tree, so that what git does to that path's content on its way
                into the index is done; None takes the content as it is.

        Raises:
            GitError: Git refuses, or a filter of the user's failed.
        """
        data = content if isinstance(content, bytes) else diff.encode(content)
        how = "--no-filters" if path is None else f"--path={path}"
        return text(self._git.run("hash-object", "--stdin", how, stdin=data))

    def read(self, blob: str) -> str | None:
        """Return a blob's text; None where the repository does not have it (any more)."""
        found = self._git.attempt("cat-file", "blob", blob)
        return None if found.status else diff.decode(found.out)
