"""One thing that is shown beside the lines under review."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# The line that says where a piece stands, and what sets its lines apart.
_OVERHEAD = 24


class Role(StrEnum):
    """What a piece is to the changed lines, in the order of its value."""

    SCOPE = "scope"
    IMPORT = "import"
    DEFINITION = "definition"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of the new side that the change does not touch.

    Attributes:
        line: The first line that ``text`` shows, 1-based.
        name: What it stands in or defines, qualified; may be empty.
        text: The lines as they stand in the file; a line of a mark stands for those that are left out.
    """

    role: Role
    path: str
    line: int
    name: str
    text: str

    @property
    def chars(self) -> int:
        """About how many characters it takes in a prompt."""
        return len(self.text) + len(self.path) + len(self.name) + 2 * self.text.count("\n") + _OVERHEAD
