from __future__ import annotations

import os
from pathlib import Path

import pytest

from reviewer.errors import UsageError
from reviewer.report.emit import write_file


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
