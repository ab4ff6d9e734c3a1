from __future__ import annotations

import os
from pathlib import Path

import pytest

from reviewer.config import Settings
from reviewer.errors import UsageError
from reviewer.finding import Review, Usage
from reviewer.report import FORMATS
from reviewer.report.emit import emit, write_file
from tests.report.samples import diff, unit


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.md"
    write_file(target, "one\udcff")
    assert target.read_bytes() == b"one?"
    write_file(target, "two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["report.md"]
    with pytest.raises(UsageError, match="cannot write"):
        write_file(target / "below", "three")


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_a_link_to_the_output_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    write_file(link, "new")
    assert link.readlink() == Path("real")
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize("name", FORMATS)
def test_a_note_is_in_every_report_or_beside_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    note = "int4 cannot run on this CPU; planned unquantized"
    emit(Review("staged changes", (unit("a.py", diff("+x")),), usage=Usage(), notes=(note,)), Settings(format=name))
    shown = capsys.readouterr()
    assert note in " ".join((shown.out + shown.err).split())
