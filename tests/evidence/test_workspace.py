from __future__ import annotations

import os
from pathlib import Path

import pytest

from reviewer.evidence.analyzers.workspace import Workspace, changed_path


@pytest.mark.parametrize(
    "path",
    ["../x", "/etc/x", "a/../../x", ".git/config", "a/.GIT/hooks/pre-commit", "a//b", "", "a\0b", "./a"],
)
def test_a_path_that_leaves_the_folder_or_cannot_be_is_refused(path: str) -> None:
    with Workspace() as workspace:
        assert workspace.write({path: b"x", "fine.py": b"y"}) == [path]
        assert [str(file.relative_to(workspace.root)) for file in workspace.root.rglob("*") if file.is_file()] == [
            "fine.py"
        ]


def test_a_file_where_a_folder_is_needed_is_refused() -> None:
    with Workspace() as workspace:
        assert workspace.write({"a": b"", "a/b": b""}) == ["a/b"]


def test_a_later_file_replaces_an_earlier_one() -> None:
    with Workspace() as workspace:
        workspace.write({"a": b"tree"})
        assert workspace.write({"a": b"changed"}) == []
        assert (workspace.root / "a").read_bytes() == b"changed"


def test_nothing_is_left() -> None:
    with Workspace() as workspace:
        workspace.write({"a/b.py": b""})
        (workspace.root / "a" / "made").mkdir(mode=0o500)
    assert not workspace.root.exists()


def test_reported_paths_lead_back_to_copied_files_only(tmp_path: Path) -> None:
    with Workspace() as workspace:
        workspace.write({"src/a b.py": b"", "src/x%20y.py": b""})
        root = workspace.root
        (root / "link").symlink_to(root / "src" / "a b.py")
        assert workspace.path_of("src/a b.py") == "src/a b.py"
        assert workspace.path_of("./src/../src/a b.py") == "src/a b.py"
        assert workspace.path_of(str(root / "src" / "a b.py")) == "src/a b.py"
        assert workspace.path_of((root / "src" / "a b.py").as_uri()) == "src/a b.py"
        assert workspace.path_of("src/a%20b.py") == "src/a b.py"
        assert workspace.path_of("src/x%20y.py") == "src/x%20y.py"
        for other in ("../a b.py", "/etc/passwd", "src/other.py", "link", "", f"{root}x/src/a b.py", f"{root}/../x"):
            assert workspace.path_of(other) is None


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/a.py", "src/a.py"),
        ("src\\a.py", "src/a.py"),
        ("/here/src/a.py", "src/a.py"),
        ("file:///here/src/a.py", "src/a.py"),
        ("file:///D:/a/repo/src/a.py", "src/a.py"),
        ("D:\\a\\repo\\src\\a.py", "src/a.py"),
        ("/home/runner/work/repo/repo/src/a.py", "src/a.py"),
        ("/here/other/src/a.py", None),
        ("other/src/a.py", None),
        ("../src/a.py", None),
        ("https://example.invalid/src/a.py", None),
        ("", None),
    ],
)
def test_paths_of_another_checkout(reported: str, expected: str | None) -> None:
    assert changed_path(reported, Path("/here"), ["src/a.py", "b.py"]) == expected


def test_temporary_folders_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "tmp").symlink_to(tmp_path / "real")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with Workspace() as workspace:
        workspace.write({"a.py": b""})
        assert workspace.path_of(os.path.realpath(workspace.root / "a.py")) == "a.py"


@pytest.mark.parametrize(
    "path", ["a\nb.py", "caf\udce9.py", "deep/\x1b[31m.py", "x" * 300 + ".py", "y/" * 1000 + "z.py"]
)
def test_a_path_that_analyzers_cannot_print_gets_another_name(path: str) -> None:
    with Workspace() as workspace:
        assert workspace.write({path: b"x = 1\n", "plain.py": b""}) == []
        name = workspace.name_of(path)
        assert (workspace.root / name).read_bytes() == b"x = 1\n"
        assert name.isascii()
        assert name.isprintable()
        assert name.endswith(".py")
        assert workspace.path_of(f"./{name}") == path
        assert workspace.name_of("plain.py") == "plain.py"
