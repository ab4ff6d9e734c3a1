from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reviewer.errors import UsageError
from reviewer.finding import Category, Finding, Severity, Silence, SilencedBy
from reviewer.silencing.dismissal import Dismissal, Dismissals

if TYPE_CHECKING:
    from pathlib import Path


def finding(line_text: str = "x = 1", message: str = "wrong", **more: object) -> Finding:
    return Finding("a.py", 3, Severity.ERROR, Category.BUG, message, line_text, **more)  # type: ignore[arg-type]


def dismissal(line_text: str = "x = 1", reason: str = "because") -> Dismissal:
    return Dismissal.of(finding(line_text), model="m", reason=reason)


def test_what_the_calibration_needs_is_remembered(tmp_path: Path) -> None:
    known = Dismissals(tmp_path)
    assert known.all() == ()
    known.add([dismissal(reason="two\n lines"), dismissal("caf\udce9\u202e")])
    (first, second) = Dismissals(tmp_path).all()
    assert first.fingerprint == finding().fingerprint
    assert (first.model, first.category, first.severity) == ("m", "bug", "error")
    assert (first.path, first.line_text, first.message, first.reason) == ("a.py", "x = 1", "wrong", "two lines")
    assert second.line_text == "caf\udce9\u202e"
    assert (tmp_path / "reviewer" / "dismissed.jsonl").read_bytes().isascii()


def test_the_last_word_counts(tmp_path: Path) -> None:
    known = Dismissals(tmp_path)
    known.add([dismissal(), dismissal("y = 2")])
    known.undo([finding().fingerprint])
    assert [one.line_text for one in known.all()] == ["y = 2"]
    known.add([dismissal(reason="after all")])
    assert [(one.line_text, one.reason) for one in known.all()] == [("y = 2", "because"), ("x = 1", "after all")]
    assert (tmp_path / "reviewer" / "dismissed.jsonl").read_text().count("\n") == 4  # the log keeps all of it


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"null", b'{"fingerprint": 3}', b'{"fingerprint": "a"}', b"\xff\xfe", b'{"fingerprint": "a", '],
)
def test_a_damaged_line_costs_only_itself(tmp_path: Path, line: bytes) -> None:
    known = Dismissals(tmp_path)
    known.add([dismissal()])
    with (tmp_path / "reviewer" / "dismissed.jsonl").open("ab") as file:
        file.write(line)  # cut by a crash: no line feed
    known.add([dismissal("y = 2")])
    assert [one.line_text for one in known.all()] == ["x = 1", "y = 2"]


def test_a_later_versions_lines_are_read(tmp_path: Path) -> None:
    known = Dismissals(tmp_path)
    known.add([dismissal()])
    path = tmp_path / "reviewer" / "dismissed.jsonl"
    entry = json.loads(path.read_text())
    path.write_text(json.dumps({**entry, "votes": 3}) + "\n")
    assert known.all() == (Dismissal(**entry),)


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.silencing.test_dismissal import *;"
        "[Dismissals(Path(sys.argv[1])).add([dismissal(f'{sys.argv[2]}_{chr(97 + n)} = 1')]) for n in range(10)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in ("a", "b", "c")]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert len(Dismissals(tmp_path).all()) == 30


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "reviewer" / "dismissed.jsonl").mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot write"):
        Dismissals(tmp_path).add([dismissal()])
    with pytest.raises(UsageError, match="cannot read"):
        Dismissals(tmp_path).all()
    with pytest.raises(UsageError, match="cannot write"):  # never brings a repository back that was deleted
        Dismissals(tmp_path / "gone").add([dismissal()])


def test_a_review_marks_it_with_its_reason(tmp_path: Path) -> None:
    known = Dismissals(tmp_path)
    known.add([dismissal(reason="never empty")])
    assert known.silences() == {finding().fingerprint: Silence(SilencedBy.DISMISSED, "never empty")}
