"""Atomic writes and private reads, on real files and links."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reviewer import files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def odd_umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("odd_umask", [0o000, 0o022, 0o277], indirect=True)
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode_does_not_depend_on_the_umask(tmp_path, odd_umask, mode):
    files.write(tmp_path / "a", "text", mode=mode)
    assert _mode(tmp_path / "a") == mode


def test_mode_none_keeps_the_mode_of_the_file_that_is_replaced(tmp_path):
    script = tmp_path / "script"
    script.write_text("old")
    script.chmod(0o751)
    files.write(script, b"new", mode=None)
    assert (script.read_bytes(), _mode(script)) == (b"new", 0o751)


@pytest.mark.parametrize("odd_umask", [0o027], indirect=True)
def test_mode_none_honours_the_umask_for_a_new_file(tmp_path, odd_umask):
    files.write(tmp_path / "new", b"", mode=None)
    assert _mode(tmp_path / "new") == 0o640


def test_an_error_names_the_file_whose_writing_failed(tmp_path):
    code = "import pathlib, resource, sys; from reviewer import files\n"
    code += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    code += "try: files.write(pathlib.Path(sys.argv[1]), 'x' * 9999)\n"
    code += "except OSError as problem: print(problem.filename, problem.filename2)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'a'} None\n"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="Is a directory") as caught:
        files.write(tmp_path, "x")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path), None)


def test_a_link_is_replaced_unless_it_may_be_followed(tmp_path):
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("old")
    link.symlink_to(victim)
    files.write(link, "new", follow_link=True)
    assert link.is_symlink()
    assert victim.read_text() == "new"
    files.write(link, "newer", sync=True)
    assert not link.is_symlink()
    assert (link.read_text(), victim.read_text()) == ("newer", "new")


def test_a_fifo_is_replaced_without_waiting_for_a_reader(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    files.write(tmp_path / "fifo", "text")
    assert (tmp_path / "fifo").read_text() == "text"


def test_a_linked_folder_below_the_trusted_one_is_refused(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (root / "real").mkdir(parents=True)
    (root / "linked").symlink_to(outside)
    files.write(root / "real" / "a", "text", below=root)
    with pytest.raises(OSError):
        files.write(root / "linked" / "a", "text", below=root)
    with pytest.raises(ValueError):
        files.write(root / ".." / "outside" / "a", "text", below=root)
    assert not list(outside.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    # The limit on the size of a file makes the write itself fail, as a full disk would.
    code = (
        "import pathlib, resource, signal, sys; from reviewer import files;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "files.write(pathlib.Path(sys.argv[1]), b'x' * 5000)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path / "a")]
    failed = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert "OSError" in failed.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def _private(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    files.write(folder / "record", "text")
    return folder


def test_a_private_file_is_read(tmp_path):
    assert files.read_private(_private(tmp_path) / "record") == b"text"


def _open_to_others(folder: Path) -> None:
    (folder / "record").chmod(0o620)


def _folder_open_to_others(folder: Path) -> None:
    folder.chmod(0o777)


def _parent_open_to_others(folder: Path) -> None:
    folder.parent.chmod(0o777)


def _link(folder: Path) -> None:
    (folder / "record").rename(folder / "real")
    (folder / "record").symlink_to(folder / "real")


def _linked_folder(folder: Path) -> None:
    folder.rename(folder.with_name("real"))
    folder.symlink_to(folder.with_name("real"))


def _fifo(folder: Path) -> None:
    (folder / "record").unlink()
    os.mkfifo(folder / "record", 0o600)


def _large(folder: Path) -> None:
    os.truncate(folder / "record", 1 << 30)


@pytest.mark.parametrize(
    "change",
    [_open_to_others, _folder_open_to_others, _parent_open_to_others, _link, _linked_folder, _fifo, _large],
)
def test_a_file_that_others_could_have_written_is_refused(tmp_path, change):
    folder = _private(tmp_path)
    change(folder)
    with pytest.raises(OSError):
        files.read_private(folder / "record")


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="needs the right to change a file's owner")
@pytest.mark.parametrize("owned", ["run", "run/record", "."])
def test_a_file_of_another_user_is_refused(tmp_path, owned):
    folder = _private(tmp_path)
    os.chown(tmp_path / owned, 65534, 65534)
    with pytest.raises(PermissionError):
        files.read_private(folder / "record")


@pytest.mark.parametrize("odd_umask", [0o000, 0o077], indirect=True)
def test_private_folders_are_made_whatever_the_umask(tmp_path, odd_umask):
    files.make_private(tmp_path / "a" / "b")
    assert (_mode(tmp_path / "a"), _mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_a_folder_of_this_user_is_made_private(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    files.make_private(tmp_path / "run")
    assert _mode(tmp_path / "run") == 0o700


def test_a_linked_folder_is_not_made_private(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real").chmod(0o755)
    (tmp_path / "run").symlink_to("real")
    with pytest.raises(PermissionError):
        files.make_private(tmp_path / "run")
    assert _mode(tmp_path / "real") == 0o755


@pytest.mark.parametrize("odd_umask", [0o000], indirect=True)
def test_lines_are_appended_whole_to_a_private_file(tmp_path, odd_umask):
    log = tmp_path / "log"
    files.append(log, b"one\n")
    with log.open("ab") as cut:
        cut.write(b"tw")
    files.append(log, b"three\n", sync=True)
    assert log.read_bytes() == b"one\ntw\nthree\n"
    assert _mode(log) == 0o600
    files.append(tmp_path / "open", b"one\n", private=False)
    assert _mode(tmp_path / "open") == 0o666


def test_nothing_is_appended_through_a_link_or_to_a_pipe(tmp_path):
    victim, link, pipe = tmp_path / "victim", tmp_path / "link", tmp_path / "pipe"
    victim.write_text("as it was\n")
    link.symlink_to(victim)
    os.mkfifo(pipe)
    for place in (link, pipe):
        with pytest.raises(OSError):
            files.append(place, b"more\n")
    assert victim.read_text() == "as it was\n"


def test_a_temporary_folder_that_cannot_be_listed_is_removed_at_exit(tmp_path):
    code = """
import os, resource, sys, tempfile
from pathlib import Path
from reviewer import files
folder = tempfile.TemporaryDirectory(dir=sys.argv[1], ignore_cleanup_errors=True)
(Path(folder.name) / "inner").mkdir()
few, many = 3, resource.getrlimit(resource.RLIMIT_NOFILE)[0]
resource.setrlimit(resource.RLIMIT_NOFILE, (few, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
files.remove_folder(folder)
resource.setrlimit(resource.RLIMIT_NOFILE, (many, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
print(os.path.exists(folder.name))
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert list(tmp_path.iterdir()) == []
