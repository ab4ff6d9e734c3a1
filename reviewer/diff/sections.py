"""A patch's lines cut into one section per file, with every line accounted for.

unidiff reads hunks well, but knows little of git's extended headers, takes content for headers where a hunk is damaged
and names no line in its errors. So the patch is cut here first, and unidiff gets only sound hunks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reviewer.diff import names
from reviewer.errors import DiffError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NO_NEWLINE = "\\ No newline at end of file"

_HUNK = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@.*", re.DOTALL)
_EXTENDED = re.compile(
    r"(old mode|new mode|deleted file mode|new file mode|copy from|copy to|rename from|rename to|rename old|rename new"
    r"|similarity index|dissimilarity index|index) (.*)"
)
_BINARY = re.compile(r"(?:Binary f|F)iles? (.+) (?:differ|has changed)")
_SUBMODULE_LOG = re.compile(r"Submodule (.+) ([0-9a-f]{7,64})\.{2,3}([0-9a-f]{7,64})(?: \(.*\))?:?")
_SUBMODULE_DIRT = re.compile(r"Submodule (.+) contains (?:untracked|modified) content")
_COMBINED = re.compile(r"diff --(?:cc|combined) (.*)")
_COMBINED_HUNK = re.compile(r"@@@+ -")
_UNMERGED = re.compile(r"\* Unmerged path (.+)")
# Not Date: "git show" writes that too, and its output is no mail.
_MAIL = re.compile(r"From [0-9a-f]{40,64} |(?:From|Subject): ")

SUBMODULE_MODE = "160000"
COMBINED = "a combined diff of a merge, which has more than two sides"
CONFLICT = "a merge conflict"
NAMELESS = "its name cannot be read"
_COMBINED_HINT = "Review the merge itself: reviewer review MERGE\nCompare it with one parent: git diff MERGE^1 MERGE"


@dataclass
class Section:
    """What a patch says about one file.

    Attributes:
        line: 1-based line of the patch where it begins.
        old: Path in the old side; None if the file was not there.
        new: Path in the new side; None if the file is deleted.
        facts: Git's extended headers, such as ``{"rename from": "a.py"}``.
        hunks: Every line of the hunks, headers included, without line endings.
        refused: Why this section cannot be read; empty if it can.
    """

    line: int
    old: str | None = None
    new: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    binary: bool = False
    hunks: list[str] = field(default_factory=list)
    refused: str = ""

    def error(self) -> DiffError:
        """Return the error for a patch in which nothing but such sections is left."""
        if self.refused == COMBINED:
            return DiffError(f"line {self.line} begins {COMBINED}", hint=_COMBINED_HINT)
        if self.refused == CONFLICT:
            return DiffError(f"{self.new} has {CONFLICT}", hint="Resolve it, then stage the file: git add FILE")
        return damaged(self.line, "the file's name cannot be read")


def damaged(line: int, what: str) -> DiffError:
    """Return the error for a damaged patch; it names the line."""
    return DiffError(f"the patch is damaged at line {line}: {what}")


def cut(lines: Sequence[str], *, headers_only: bool = False) -> list[Section]:
    """Cut a patch into sections. A file that is named only by its ``diff --git`` line is unchanged and left out.

    Args:
        lines: Without line endings.
        headers_only: Whether the hunks were removed from the patch.

    Raises:
        DiffError: It is damaged.
    """
    return list(_Scanner(lines, headers_only=headers_only).sections())


class _Scanner:
    def __init__(self, lines: Sequence[str], *, headers_only: bool) -> None:
        self._lines = lines
        self._headers_only = headers_only
        self._at = 0
        self._in_mail = False

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._lines[at] if at < len(self._lines) else ""

    def sections(self) -> Iterator[Section]:
        while self._at < len(self._lines):
            line = self._peek()
            if line.startswith("diff --git "):
                section = self._git_section()
            elif line.startswith("--- ") and self._peek(1).startswith("+++ "):
                section = self._plain_section()
            elif not self._in_mail and (combined := _COMBINED.match(line)):
                section = self._combined_section(names.unquote(combined[1]))
            else:
                self._in_mail |= _MAIL.match(line) is not None
                # A mail's message may contain anything; it ends where a section begins.
                section = None if self._in_mail else self._loose_line(line)
                self._at += 1
            if section is not None:
                self._in_mail = False
                yield section

    def _git_section(self) -> Section | None:
        section = Section(self._at + 1)
        rest = self._peek()[len("diff --git ") :]
        header = names.header_pair(rest)
        self._at += 1
        while found := _EXTENDED.fullmatch(self._peek()):
            section.facts[found[1].replace("rename old", "rename from").replace("rename new", "rename to")] = found[2]
            self._at += 1
        old, new = header or ("", "")
        if self._peek().startswith("--- ") and self._peek(1).startswith("+++ "):
            old, new = self._file_lines()
            self._hunks(section)
        elif (binary := _BINARY.fullmatch(self._peek())) or self._peek() == "GIT binary patch":
            section.binary = True
            if binary and not header:
                old, new = names.binary_pair(binary[1])
            self._at += 1
        elif not section.facts:
            return None  # at most its time stamp changed
        elif section.facts.keys() == {"index"} and self._at >= len(self._lines) and not self._headers_only:
            raise damaged(self._at, "it ends after a file header")
        self._name(section, old, new, header)
        if section.refused:
            section.new = rest
        return section

    def _name(self, section: Section, old: str, new: str, header: tuple[str, str] | None) -> None:
        facts = section.facts
        for kind in ("rename", "copy"):
            if f"{kind} from" in facts and f"{kind} to" in facts:
                section.old, section.new = (names.unquote(facts[f"{kind} {end}"]) for end in ("from", "to"))
                return
        if not old or not new:
            section.refused = NAMELESS
            return
        old, new = names.strip_prefixes(old, new, header)
        section.old = None if old == names.DEV_NULL or "new file mode" in facts else old
        section.new = None if new == names.DEV_NULL or "deleted file mode" in facts else new
        if not (section.old or section.new):
            raise damaged(section.line, "neither side names a file")

    def _plain_section(self) -> Section | None:
        section = Section(self._at + 1)
        if not self._peek(2).startswith("@@ -"):
            if self._in_mail:
                self._at += 1
                return None
            raise damaged(self._at + 3, "no hunk follows the file header")
        old, new = self._file_lines()
        self._hunks(section)
        self._name(section, old, new, None)
        return section

    def _combined_section(self, name: str) -> Section:
        section = Section(self._at + 1, new=name, refused=COMBINED)
        self._at += 1
        # Every line of its content begins with a blank or a sign.
        while self._at < len(self._lines) and not self._peek().startswith(("diff --", "* Unmerged path ", "From ")):
            self._at += 1
        return section

    def _file_lines(self) -> tuple[str, str]:
        old, new = names.file_line(self._peek()[4:]), names.file_line(self._peek(1)[4:])
        self._at += 2
        return old, new

    def _loose_line(self, line: str) -> Section | None:
        at = self._at + 1
        if _COMBINED_HUNK.match(line):
            raise Section(at, refused=COMBINED).error()
        if unmerged := _UNMERGED.fullmatch(line):
            return Section(at, new=names.unquote(unmerged[1]), refused=CONFLICT)
        if _HUNK.fullmatch(line):
            raise damaged(at, "a hunk without a file header")
        facts = {"old mode": SUBMODULE_MODE, "new mode": SUBMODULE_MODE}
        if log := _SUBMODULE_LOG.fullmatch(line):
            old, new = (None if set(oid) == {"0"} else log[1] for oid in (log[2], log[3]))
            return Section(at, old, new, facts | {"index": f"{log[2]}..{log[3]}"})
        if dirt := _SUBMODULE_DIRT.fullmatch(line):
            return Section(at, dirt[1], dirt[1], facts | {"index": ""})
        if binary := _BINARY.fullmatch(line):
            old, new = names.strip_prefixes(*names.binary_pair(binary[1]), None)
            old, new = (None if name == names.DEV_NULL else name for name in (old, new))
            return Section(at, old, new, binary=True) if old or new else None
        return None

    def _hunks(self, section: Section) -> None:
        if self._headers_only:
            return
        if not self._peek().startswith("@@ -"):
            raise damaged(self._at + 1, "no hunk follows the file header")
        old_end = new_end = 1
        while self._peek().startswith("@@ -"):
            header = self._at + 1
            old_start, old_count, new_start, new_count = self._hunk_header()
            if old_start < old_end or new_start < new_end:
                raise damaged(header, "this hunk does not lie behind the one before")
            old_end, new_end = old_start + old_count, new_start + new_count
            section.hunks.append(self._peek())
            self._at += 1
            self._hunk_body(section.hunks, header, old_count, new_count)
        line = self._peek()
        starts_file = line.startswith("--- ") and self._peek(1).startswith("+++ ")
        # "-- " alone is the signature of a mail.
        if line[:1] in ("+", "-", " ") and not starts_file and line.rstrip() != "--":
            raise damaged(self._at + 1, "the hunk before is longer than its header says")

    def _hunk_header(self) -> tuple[int, int, int, int]:
        """Return the first line and the number of lines of both sides."""
        found = _HUNK.fullmatch(self._peek())
        if found is None:
            raise damaged(self._at + 1, "not a hunk header")
        old_start, old_count, new_start, new_count = (1 if part is None else int(part) for part in found.groups())
        if not old_count and not new_count:
            raise damaged(self._at + 1, "an empty hunk")
        # For a side without lines the header names the line before.
        return old_start + (not old_count), old_count, new_start + (not new_count), new_count

    def _hunk_body(self, hunks: list[str], header: int, old: int, new: int) -> None:
        while old or new:
            if self._at >= len(self._lines):
                raise damaged(self._at, f"it ends inside the hunk of line {header}")
            line = self._lines[self._at]
            sign = line[:1]
            if line in ("", "\r"):  # a tool removed the blank of an empty line
                sign, line = " ", f" {line}"
            if sign == "\\":
                line = NO_NEWLINE  # its wording depends on the language
            old -= sign in (" ", "-")
            new -= sign in (" ", "+")
            if sign not in (" ", "-", "+", "\\") or old < 0 or new < 0:
                raise damaged(self._at + 1, f"this line does not fit the hunk of line {header}")
            hunks.append(line)
            self._at += 1
        if self._peek().startswith("\\"):
            hunks.append(NO_NEWLINE)
            self._at += 1
