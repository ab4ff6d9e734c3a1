"""The files beside the code are found in a checkout, in a wheel and in an sdist."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reviewer import assets
from reviewer.assets import AssetError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent
PROMPTS = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "prompts").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def fresh() -> Iterator[None]:
    assets._folder.cache_clear()
    yield
    assets._folder.cache_clear()


def test_finds_the_checkout() -> None:
    assert assets.prompts_dir() == PROJECT / "prompts"
    assert "{{ language.title }}" in assets.read("prompts/base/review.j2")


@pytest.mark.parametrize("name", ["prompts/none.j2", "nothing/a.j2", "prompts"])
def test_a_missing_asset_names_itself_and_the_cure(name: str) -> None:
    with pytest.raises(AssetError, match=name) as caught:
        assets.read(name)
    assert "install" in (caught.value.hint or "")


def test_the_packed_folder_wins_over_a_stray_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    package = tmp_path / "reviewer"
    packed = package / "_assets" / "prompts"
    packed.mkdir(parents=True)
    (tmp_path / "prompts").mkdir()
    monkeypatch.setattr(assets, "_PACKAGE", package)
    assert assets.prompts_dir() == packed


def test_the_wheel_holds_every_prompt(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert PROMPTS
    assert {f"reviewer/_assets/{name}" for name in PROMPTS} <= names
    assert not [name for name in names if name.startswith(("prompts/", "hooks/"))]


def test_an_unpacked_wheel_renders_a_prompt(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        "import reviewer.assets, reviewer.templates, reviewer.languages as l\n"
        "print(reviewer.assets.prompts_dir())\n"
        "print(reviewer.templates.Templates().render('review/go.j2', language=l.LANGUAGES['go'], rules=''))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith(str(tmp_path / "reviewer" / "_assets" / "prompts"))
    assert "Go code" in done.stdout


def test_the_sdist_holds_every_prompt(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= PROMPTS


_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_FOLDER = '{"url": "file:///", "dir_info": {}}'
_REVISION = f'{{"url": "https://git.example/r", "vcs_info": {{"vcs": "git", "commit_id": "{_COMMIT}"}}}}'


@dataclass(frozen=True)
class Installation:
    record: str | None
    command: str
    installer: str = "pip"
    marker: str | None = None


@pytest.mark.parametrize(
    "case",
    [
        Installation(_FOLDER, "PYTHON -m pip install 'vllm-reviewer[mcp] @ file:///'"),
        Installation(_FOLDER.replace("{}", '{"editable": true}'), "PYTHON -m pip install -e '/[mcp]'"),
        Installation(_FOLDER.replace("///", "///gone"), "PYTHON -m pip install '.[mcp]' in a clone"),
        Installation(_FOLDER, "uv tool install --force 'vllm-reviewer[mcp] @ file:///'", "uv", "uv-receipt.toml"),
        Installation(_FOLDER, "pipx install --force 'vllm-reviewer[mcp] @ file:///'", marker="pipx_metadata.json"),
        Installation(_REVISION, f"PYTHON -m pip install 'vllm-reviewer[mcp] @ git+https://git.example/r@{_COMMIT}'"),
        Installation(
            _REVISION.replace("https://git.example/r", "file:///"),
            "PYTHON -m pip install 'vllm-reviewer[mcp] @ file:///'",
        ),
        Installation(None, "PYTHON -m pip install 'vllm-reviewer[mcp]'"),
        Installation(
            None, "uv pip install --reinstall-package vllm-reviewer --python PYTHON 'vllm-reviewer[mcp]'", "uv"
        ),
    ],
)
def test_the_install_command_is_that_of_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Installation
) -> None:
    folder = tmp_path / "vllm_reviewer-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm-reviewer\nVersion: 0\n", encoding="utf-8")
    (folder / "INSTALLER").write_text(f"{case.installer}\n", encoding="utf-8")
    if case.record is not None:
        (folder / "direct_url.json").write_text(case.record, encoding="utf-8")
    if case.marker is not None:
        (tmp_path / case.marker).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "PYTHON")
    assert assets.install_command("mcp") == case.command


def test_without_a_distribution_the_install_command_is_for_a_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    assert assets.install_command("mcp") == "in the clone: pip install '.[mcp]'"


def test_to_reinstall_pip_has_to_be_forced() -> None:
    assert assets._installer("pip", again=True).endswith("-m pip install --force-reinstall --no-deps")
