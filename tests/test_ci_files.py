"""The workflow files, the action and the Dockerfile: valid by the schemas of their systems, and true to the CLI."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from reviewer.cli import cli

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / "hooks" / "ci"
SCHEMAS = {
    ROOT / "action.yml": "github-actions",
    ROOT / ".github" / "workflows" / "ci.yml": "github-workflows",
    WORKFLOWS / "github.yml": "github-workflows",
    WORKFLOWS / "gitea.yml": "github-workflows",
    WORKFLOWS / "gitlab.yml": "gitlab-ci",
    WORKFLOWS / "azure.yml": "azure-pipelines",
    WORKFLOWS / "bitbucket.yml": "bitbucket-pipelines",
}
FILES = [*SCHEMAS, WORKFLOWS / "Jenkinsfile", ROOT / "Dockerfile"]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def review_script() -> str:
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (step,) = [step for step in action["runs"]["steps"] if step.get("id") == "review"]
    return str(step["run"])


def test_every_workflow_file_is_checked() -> None:
    assert {path for path in WORKFLOWS.iterdir() if path.suffix == ".yml"} <= SCHEMAS.keys()


@pytest.mark.parametrize("path", SCHEMAS, ids=named)
def test_the_schema(path: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--regex-variant=nonunicode"]
    done = subprocess.run([*check, f"--builtin-schema=vendor.{SCHEMAS[path]}", path], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=named)
def test_the_commands(path: Path) -> None:
    """Every option that a file gives to ``reviewer ci`` exists, and no package is named that is not published."""
    text = path.read_text(encoding="utf-8")
    command = cli.get_command(click.Context(cli), "ci")
    assert command is not None
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for line in re.findall(r"reviewer\"? ci (.*)", text):
        assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= known
    assert not re.search(r"install (--\S+ )*[\"']?vllm-reviewer", text)


def test_the_script_of_the_action(tmp_path: Path) -> None:
    """Run with programs that note how they were called: an input with a space or a command stays one argument."""
    script = tmp_path / "script.sh"
    script.write_text(review_script(), encoding="utf-8")
    subprocess.run(["shellcheck", "--shell=bash", script], check=True)
    called = tmp_path / "called"
    program = f'#!/bin/bash\nprintf "%s|" "$@" >> {shlex.quote(str(called))}\necho >> {shlex.quote(str(called))}\n'
    for name in ("python", "reviewer-venv/bin/pip", "reviewer-venv/bin/reviewer"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(program, encoding="utf-8")
        file.chmod(0o755)
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHON": str(tmp_path / "python"),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTION_PATH": "/action",
        "MODEL": "0.5b",
        "FAIL_ON": "warning",
        "POST": "true",
        "BASE": "a; touch /tmp/pwned",
        "REPORT": "my report.json",
        "SARIF": "",
    }
    subprocess.run(["bash", "-e", script], env=env, check=True)
    venv, pip, ci = called.read_text(encoding="utf-8").splitlines()
    assert venv == f"-m|venv|{tmp_path}/reviewer-venv|"
    assert pip == "install|--quiet|/action|"
    assert ci == (
        "ci|--install|--json-output|my report.json|--embedded=0.5b|--fail-on|warning|"
        "--base|a; touch /tmp/pwned|--post|github|"
    )


def test_the_dockerfile() -> None:
    done = subprocess.run(["hadolint", ROOT / "Dockerfile"], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout
