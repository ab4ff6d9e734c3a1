"""Analyzers that misbehave, as real processes."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from reviewer.evidence.analyzers import DEFAULTS, Format, Setting, Spec, analyze, process
from tests.evidence.samples import fake_analyzer, reviewed

if TYPE_CHECKING:
    from pathlib import Path

_FILE = reviewed("a.py", "x = 1\n")


def _analyzed(spec: Spec, setting: Setting | None = None) -> tuple[list[tuple[str, int]], list[str]]:
    found, notes = analyze([spec], [_FILE], dict, setting or Setting())
    return [(one.path, one.line) for one in found], notes


def test_findings_are_read_whatever_the_exit_status(tmp_path: Path) -> None:
    assert _analyzed(fake_analyzer(tmp_path, "print(files[0] + ':1: x'); sys.exit(1)")) == ([("a.py", 1)], [])


def test_paths_outside_of_the_reviewed_files_are_dropped(tmp_path: Path) -> None:
    code = "for path in ('../a.py', '/etc/passwd', 'b.py', '/tmp/a.py', 'a.py/../a.py'):\n    print(path + ':1: x')"
    assert _analyzed(fake_analyzer(tmp_path, code)) == ([("a.py", 1)], [])


def test_nothing_found_and_a_failure_is_a_note(tmp_path: Path) -> None:
    spec = fake_analyzer(tmp_path, "print('what?', file=sys.stderr); sys.exit(2)")
    assert _analyzed(spec) == ([], ["fake: failed with exit status 2 (what?)"])


def test_output_of_another_format_is_a_note(tmp_path: Path) -> None:
    spec = fake_analyzer(tmp_path, r"out(b'\x00\xff\x1b[2J')", format=Format.SARIF)
    assert _analyzed(spec) == ([], ["fake: its output is not sarif"])


def test_binary_output_as_lines_is_nothing(tmp_path: Path) -> None:
    assert _analyzed(fake_analyzer(tmp_path, r"out(bytes(range(256)) * 1000)")) == ([], [])


def test_huge_output_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_OUTPUT", 1024 * 1024)
    spec = fake_analyzer(tmp_path, "while True: out(b'x' * 65536)")
    assert _analyzed(spec) == ([], ["fake: stopped, because it wrote more than 1 MiB"])


def test_huge_errors_are_dropped_but_their_end_is_kept(tmp_path: Path) -> None:
    code = "sys.stderr.write('x' * 4_000_000 + '\\nlast line\\n'); sys.exit(3)"
    assert _analyzed(fake_analyzer(tmp_path, code)) == ([], ["fake: failed with exit status 3 (last line)"])


def test_a_hanging_one_is_stopped_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(pids)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)"
    )
    begun = time.monotonic()
    assert _analyzed(fake_analyzer(tmp_path, code, timeout=2)) == (
        [],
        ["fake: stopped, because it took longer than 2 s"],
    )
    assert time.monotonic() - begun < 100
    _assert_ends(int(pids.read_text()))


def test_a_child_that_keeps_the_pipe_open_does_not_hold_up_the_review(tmp_path: Path) -> None:
    code = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('a.py:1: ' + str(child.pid))"
    )
    begun = time.monotonic()
    found, notes = analyze([fake_analyzer(tmp_path, code)], [_FILE], dict, Setting())
    assert time.monotonic() - begun < 100
    assert notes == []
    (one,) = found
    _assert_ends(int(one.message))


def test_a_cancelled_run_ends_at_once(tmp_path: Path) -> None:
    setting = Setting()
    threading.Timer(0.5, setting.cancelled.set).start()
    begun = time.monotonic()
    assert _analyzed(fake_analyzer(tmp_path, "time.sleep(600)"), setting) == ([], ["fake: stopped, because cancelled"])
    assert time.monotonic() - begun < 100


def test_standard_input_is_empty(tmp_path: Path) -> None:
    assert _analyzed(fake_analyzer(tmp_path, "print('a.py:1: ' + str(len(sys.stdin.read())))"))[1] == []


@pytest.mark.parametrize(
    ("program", "note"),
    [
        ("no-such-analyzer", "no-such-analyzer is not installed"),
        ("/no/such/analyzer", "/no/such/analyzer is not installed"),
        ("./tools/lint", "./tools/lint is not installed"),
    ],
)
def test_a_missing_one_is_a_note(program: str, note: str) -> None:
    assert _analyzed(Spec("x", (program, "{files}"), Format.LINES)) == ([], [f"x: {note}"])


def test_a_program_of_the_working_tree_is_found_there_and_not_in_the_content(tmp_path: Path) -> None:
    tool = tmp_path / "tools" / "lint"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho a.py:1: from the working tree\n")
    tool.chmod(0o755)
    spec = Spec("x", ("tools/lint", "{files}"), Format.LINES)
    hostile = reviewed("tools/lint", "#!/bin/sh\necho a.py:1: hostile\n")
    found, notes = analyze([spec], [_FILE, hostile], None, Setting(root=tmp_path))
    assert ([one.message for one in found], notes) == (["from the working tree"], [])


def test_a_program_is_not_looked_up_in_a_relative_entry_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil").write_text("#!/bin/sh\necho a.py:1: x\n")
    (tmp_path / "evil").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "." + os.pathsep + os.environ["PATH"])
    assert _analyzed(Spec("x", ("evil", "{files}"), Format.LINES)) == ([], ["x: evil is not installed"])


def test_what_can_run_code_of_the_tree_is_not_run_for_a_strangers_change(tmp_path: Path) -> None:
    spec = fake_analyzer(tmp_path, "print('a.py:1: x')")
    notes = ["fake: not run, because it can run code of the change under review"]
    assert _analyzed(spec, Setting(untrusted=True)) == ([], notes)
    assert not any(spec.runs_code for spec in DEFAULTS)


def test_a_whole_tree_that_is_not_there_is_a_note(tmp_path: Path) -> None:
    spec = fake_analyzer(tmp_path, "", tree=True)
    notes = ["fake: not run, because the whole tree is not available here"]
    assert analyze([spec], [_FILE], None, Setting()) == ([], notes)


def test_files_of_other_languages_are_not_given_to_it(tmp_path: Path) -> None:
    code = "[print(path + ':1: x') for path in files]"
    spec = fake_analyzer(tmp_path, code, languages=frozenset({"go"}), files=("*.tpl",), ignores=("vendor/",))
    files = [reviewed(path, "x\n") for path in ("a.py", "b.go", "c.tpl", "vendor/d.go")]
    found, _ = analyze([spec], files, None, Setting())
    assert [one.path for one in found] == ["b.go", "c.tpl"]


def test_many_files_are_given_in_batches(tmp_path: Path) -> None:
    code = "[print(f'{path}:{len(files)}: x') for path in files]"
    files = [reviewed(f"{'d' * 60}/f{number}.py", "x\n") for number in range(900)]
    found, notes = analyze([fake_analyzer(tmp_path, code)], files, None, Setting())
    assert (len(found), notes) == (900, [])
    assert max(one.line for one in found) <= 400


def test_analyzers_run_side_by_side(tmp_path: Path) -> None:
    # Each waits for the other, so that one after the other would never end.
    code = (
        "here, there = pathlib.Path({!r}), pathlib.Path({!r})\nhere.touch()\n"
        "while not there.exists(): time.sleep(0.01)\nprint('a.py:1: x')"
    )
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    specs = []
    for name, (here, there) in {"p": (one, two), "q": (two, one)}.items():
        (tmp_path / name).mkdir()
        specs.append(fake_analyzer(tmp_path / name, code.format(here, there), name=name, timeout=20))
    found, notes = analyze(specs, [_FILE], None, Setting())
    assert (len(found), notes) == (2, [])


def _assert_ends(pid: int) -> None:
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return  # killed, and not yet reaped by its new parent
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there")
