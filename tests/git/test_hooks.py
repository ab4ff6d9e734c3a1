from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reviewer.errors import UsageError
from reviewer.git import hooks
from reviewer.git.hooks import NativeHook

pytestmark = pytest.mark.skipif(os.name != "posix", reason="runs the hooks with sh; Windows uses git's own")


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def run(hook: Path, *args: str, data: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin"} | (env or {})
    return subprocess.run([str(hook), *args], input=data, capture_output=True, text=True, check=False, env=env)


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A ``reviewer`` in a folder whose name a careless script would stumble over."""
    return program(tmp_path / "it's a $HOME" / "reviewer", 'echo "ours: $*"; cat; exit ${CODE:-0}')


@pytest.mark.parametrize("name", hooks.HOOKS)
def test_install_run_and_uninstall(name: str, tmp_path: Path, fake: Path) -> None:
    hook = NativeHook(tmp_path / "hooks", name)
    assert not hook.install(fake, "--fail-on error")
    assert os.access(hook.path, os.X_OK)
    done = run(hook.path, "origin", "a b", data="x y\n")
    assert done.stdout == f"ours: hook {name} --fail-on error origin a b\n" + ("x y\n" if name == "pre-push" else "")
    assert run(hook.path, env={"CODE": "1"}).returncode == 1
    assert hook.uninstall()
    assert list(hook.folder.iterdir()) == []
    assert not hook.uninstall()


@pytest.mark.parametrize("name", hooks.HOOKS)
def test_an_earlier_hook_runs_first_with_the_same_input(name: str, tmp_path: Path, fake: Path) -> None:
    hook = NativeHook(tmp_path / "hooks", name)
    earlier = program(hook.path, 'echo "theirs: $*"; cat; exit ${THEIRS:-0}')
    before = (earlier.read_bytes(), earlier.stat().st_mode)
    assert hook.install(fake)
    assert hook.install(fake)  # again changes nothing
    assert sorted(path.name for path in hook.folder.iterdir()) == [name, f"{name}.before-reviewer"]
    passed = "x\ny\n" if name == "pre-push" else ""
    done = run(hook.path, "origin", data="x\ny\n")
    assert done.stdout == f"theirs: origin\n{passed}ours: hook {name} origin\n{passed}"
    failed = run(hook.path, "origin", env={"THEIRS": "7"})
    assert (failed.returncode, failed.stdout) == (7, "theirs: origin\n")
    assert hook.uninstall()
    assert (hook.path.read_bytes(), hook.path.stat().st_mode) == before
    assert [path.name for path in hook.folder.iterdir()] == [name]


def test_a_hook_that_git_would_not_run_is_not_run_and_is_restored(tmp_path: Path, fake: Path) -> None:
    hook = NativeHook(tmp_path, "pre-commit")
    program(hook.path, "echo theirs").chmod(0o644)
    hook.install(fake)
    assert run(hook.path).stdout == "ours: hook pre-commit\n"
    hook.uninstall()
    assert hook.path.stat().st_mode & 0o777 == 0o644


def test_a_link_is_kept_as_a_link(tmp_path: Path, fake: Path) -> None:
    program(tmp_path / "scripts" / "check", "echo theirs")
    hook = NativeHook(tmp_path / "hooks", "pre-commit")
    hook.folder.mkdir()
    hook.path.symlink_to("../scripts/check")
    hook.install(fake)
    assert (tmp_path / "scripts" / "check").read_text() == "#!/bin/sh\necho theirs\n"
    assert run(hook.path).stdout == "theirs\nours: hook pre-commit\n"
    hook.uninstall()
    assert hook.path.readlink() == Path("../scripts/check")


def test_a_hook_put_over_ours_is_left_alone(tmp_path: Path, fake: Path) -> None:
    hook = NativeHook(tmp_path, "pre-commit")
    program(hook.path, "echo first")
    hook.install(fake)
    program(hook.path, "echo second")
    assert not hook.uninstall()
    with pytest.raises(UsageError, match="another program replaced"):
        hook.install(fake)
    assert "second" in hook.path.read_text()
    assert "first" in hook.earlier.read_text()


def test_a_failed_installation_restores_the_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = NativeHook(tmp_path / "hooks", "pre-commit")
    hook.folder.mkdir()
    program(hook.path, "echo first")
    before = hook.path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reviewer.git.hooks.files.write", full)
    with pytest.raises(UsageError, match="No space left"):
        hook.install(tmp_path / "reviewer")
    assert [path.name for path in hook.folder.iterdir()] == ["pre-commit"]
    assert hook.path.read_bytes() == before


def test_a_new_installation_replaces_the_path(tmp_path: Path, fake: Path) -> None:
    hook = NativeHook(tmp_path / "hooks", "pre-commit")
    hook.install(Path("/gone/reviewer"), "--fail-on error")
    hook.install(fake)
    assert run(hook.path).stdout == "ours: hook pre-commit\n"


def test_a_reviewer_that_is_gone_is_looked_for_and_stops_nothing(tmp_path: Path) -> None:
    hook = NativeHook(tmp_path / "hooks", "pre-commit")
    hook.install(tmp_path / "gone" / "reviewer")
    done = run(hook.path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1)
    assert "no longer installed" in done.stderr
    program(tmp_path / "bin" / "reviewer", 'echo "on PATH: $*"')
    done = run(hook.path, env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    assert done.stdout == "on PATH: hook pre-commit\n"


def test_a_reviewer_whose_python_is_gone_stops_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "reviewer"
    broken.write_text("#!/gone/python\n")
    broken.chmod(0o755)
    hook = NativeHook(tmp_path / "hooks", "pre-commit")
    hook.install(broken)
    done = run(hook.path)
    assert done.returncode == 0
    assert "cannot run" in done.stderr


def test_the_script_is_posix_shell() -> None:
    for name in hooks.HOOKS:
        text = hooks.script(name, Path("/x/reviewer"), "--require")
        assert "@" not in text.replace('"$@"', "")
        subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_this_installation_has_a_command() -> None:
    assert hooks.this_program().is_absolute()
    assert hooks.this_program().stem == "reviewer"
