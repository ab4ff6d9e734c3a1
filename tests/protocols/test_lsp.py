"""The language server as a real process, on real repositories, asked by pygls's own client."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from lsprotocol import types

from reviewer.silencing.dismissal import Dismissals
from tests.editor import applied, edit_of, editor, id_of
from tests.fake_engine import FakeEngine, Rule, Script
from tests.repo import Repo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

BEFORE = "def load(path):\n    return open(path).read()\n"
AFTER = "def load(path, seen=[]):\n    seen.append(path)\n    return open(path).read()\n"
CLEAN = "def load(path):\n    with open(path) as file:\n        return file.read()\n"
WITHOUT_MODEL = ("--no-model",)
EXPLANATION = "Adds the argument `seen` to `load`."
NOBODY = {"REVIEWER_ENGINE_URL": "http://127.0.0.1:9"}


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    rules = [
        Rule(match="explain one change", text=EXPLANATION, delay=1),
        Rule(match="Why is this a problem", text="The list is shared by all calls."),
        Rule(match="def load", text="It reads a file."),
    ]
    with FakeEngine(Script(rules=rules), tcp=True) as running:
        yield running


@pytest.fixture
def changed(repo: Repo) -> Repo:
    repo.commit("first", {"load.py": BEFORE})
    repo.write({"load.py": AFTER})
    return repo


def at(engine: FakeEngine) -> dict[str, str]:
    return {"REVIEWER_ENGINE_URL": engine.endpoint.url, "REVIEWER_MODEL_FINDINGS": "auto"}


def none(found: list[types.Diagnostic]) -> bool:
    return not found


def codes(found: list[types.Diagnostic]) -> list[str]:
    return [str(one.code) for one in found]


async def test_an_uncommitted_fault_is_shown_where_it_is(changed: Repo) -> None:
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(changed.root / "load.py")
        (found,) = await session.diagnostics(uri, len)
    assert (found.source, found.code, found.severity) == ("reviewer (ruff)", "B006", types.DiagnosticSeverity.Warning)
    assert found.range == types.Range(types.Position(0, 0), types.Position(0, len("def load(path, seen=[]):")))
    assert found.code_description is not None
    assert found.code_description.href == "https://docs.astral.sh/ruff/rules/mutable-argument-default"
    assert len(id_of(found)) == 16


async def test_each_save_is_reviewed_at_once(changed: Repo) -> None:
    path = changed.root / "load.py"
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(path)
        await session.diagnostics(uri, len)
        for text, wanted in [(CLEAN, none), (AFTER, len), (CLEAN, none), (AFTER, len)]:
            session.save(uri, path, text)
            await session.diagnostics(uri, wanted)


async def test_staged_and_unstaged_changes_are_reviewed_together_and_old_lines_are_not(repo: Repo) -> None:
    old = "def old(x=[]):\n    return x\n\n\n"
    repo.commit("first", {"two.py": old})
    staged = old + "def staged(x={}):\n    return x\n\n\n"
    repo.stage({"two.py": staged})
    repo.write({"two.py": staged + "def unstaged(x=[]):\n    return x\n"})
    async with editor(repo.root, args=WITHOUT_MODEL) as session:
        uri = session.open(repo.root / "two.py")
        found = await session.diagnostics(uri, len)
        assert [one.range.start.line for one in found] == [4, 8]
        repo.commit("second")  # the editor is not told
        found = await session.diagnostics(uri, lambda some: len(some) == 1)
        assert found[0].range.start.line == 8
        repo.stage()
        repo.commit("third")
        await session.diagnostics(uri, none)


async def test_a_finding_follows_edits_and_goes_with_its_line(changed: Repo) -> None:
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(changed.root / "load.py")
        await session.diagnostics(uri, len)
        session.change(uri, "import os\n" + AFTER)
        await session.diagnostics(uri, lambda some: some and some[0].range.start.line == 1)
        assert session.published[-1][1].version == 2
        edit = edit_of((await session.actions(uri, 1))["Apply the proven fix for ruff B006"])
        assert applied("import os\n" + AFTER, edit, "utf-16-le").startswith(
            "import os\ndef load(path, seen=None):\n    if seen is None:\n"
        )
        session.change(uri, "import os\n" + AFTER.replace("seen=[]", "seen=()"))
        await session.diagnostics(uri, none)
        assert await session.actions(uri, 1) == {}


@pytest.mark.parametrize(
    ("encoding", "name"),
    [(None, "utf-16-le"), (types.PositionEncodingKind.Utf8, "utf-8"), (types.PositionEncodingKind.Utf32, "utf-32-le")],
)
async def test_a_proven_fix_is_an_edit_in_the_clients_unit(
    repo: Repo, encoding: types.PositionEncodingKind | None, name: str
) -> None:
    before = "X = '😀'\r\n"
    after = before + "def f(a='😀', seen=[]):  # 😀\r\n    return a, seen\r\n\r\n\r\nY = 1\r\n"
    repo.commit("first", {"smile.py": before})
    repo.write({"smile.py": after})
    async with editor(
        repo.root, args=WITHOUT_MODEL, encodings=[encoding] if encoding else None, versioned=encoding is None
    ) as session:
        uri = session.open(repo.root / "smile.py")
        (found,) = await session.diagnostics(uri, len)
        line = after.split("\r\n")[1]
        assert found.range.end.character == len(line.encode(name)) // {"utf-16-le": 2, "utf-8": 1, "utf-32-le": 4}[name]
        action = (await session.actions(uri, 1))["Apply the proven fix for ruff B006"]
    assert action.edit is not None
    assert action.is_preferred
    assert list(action.diagnostics or ()) == [found]
    changes = action.edit.document_changes
    if encoding is None:
        assert changes is not None
        assert isinstance(changes[0], types.TextDocumentEdit)
        assert (changes[0].text_document.uri, changes[0].text_document.version) == (uri, 1)
    else:
        assert changes is None
        assert list(action.edit.changes or {}) == [uri]
    fixed = applied(after, edit_of(action), name)
    assert "seen=None" in fixed
    assert fixed.endswith("Y = 1\r\n")
    assert fixed.count("\n") == fixed.count("\r\n") > 3
    compile(fixed, "smile.py", "exec")


async def test_a_dismissed_finding_stays_away(changed: Repo) -> None:
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(changed.root / "load.py")
        (found,) = await session.diagnostics(uri, len)
        await session.run((await session.actions(uri, 0))["Dismiss this finding of ruff B006"])
        await session.diagnostics(uri, none)
        assert any(f"reviewer dismiss --undo {id_of(found)}" in message for message in session.messages)
    (dismissed,) = Dismissals(changed.root / ".git").all()
    assert (dismissed.fingerprint, dismissed.path) == (id_of(found), "load.py")
    assert not (changed.root / ".git" / "reviewer" / "last.json").exists()


async def test_the_model_explains_the_hunk(changed: Repo, engine: FakeEngine) -> None:
    async with editor(changed.root, env=at(engine)) as session:
        uri = session.open(changed.root / "load.py")
        await session.diagnostics(uri, len)
        await session.until(lambda: "end" in session.kinds())
        text = await session.hover(uri, 1)
        assert text == EXPLANATION
        assert "Proven fix" in await session.hover(uri, 0)
        assert await session.hover(uri, 2) == ""
        begun = next(one for one in session.progress if one["kind"] == "begin")
        assert begun["title"] == "reviewer"
        assert begun["message"].startswith("reading ")
        answer = await session.run((await session.actions(uri, 0))["Explain this finding of ruff B006"])
        assert answer == "The list is shared by all calls."
        assert f"reviewer: {answer}" in session.messages
        selected = await session.actions(uri, 0, to=2)
        assert await session.run(selected["Explain the selected lines"]) == "It reads a file."


async def test_a_newer_save_cancels_the_review_and_the_editor_never_waits(changed: Repo, engine: FakeEngine) -> None:
    engine.update(
        Rule(match="seen=", text="late", delay=30),
        Rule(match="explain one change", text="Uses `with`."),
    )
    path = changed.root / "load.py"
    async with editor(changed.root, env=at(engine)) as session:
        uri = session.open(path)
        await session.diagnostics(uri, len)
        await session.until(lambda: engine.requests("/v1/chat/completions"))
        began = time.monotonic()
        assert await session.hover(uri, 1) == ""
        session.save(uri, path, CLEAN)
        await session.diagnostics(uri, none)
        while not (said := await session.hover(uri, 1)):
            assert time.monotonic() - began < 20
        assert "with" in said
        assert time.monotonic() - began < 20


async def test_without_an_engine_the_evidence_stands_and_none_is_started(changed: Repo, home: Path) -> None:
    async with editor(changed.root) as session:
        uri = session.open(changed.root / "load.py")
        await session.diagnostics(uri, len)
        await session.until(lambda: session.log)
        assert not session.messages
        assert session.shown(uri)
        explain = (await session.actions(uri, 0))["Explain this finding of ruff B006"]
        assert await session.run(explain) is None
        assert len(session.messages) == 1
    assert not (home / "reviewer" / "run").exists()


async def test_several_roots_a_folder_without_git_and_an_unsaved_document(changed: Repo, tmp_path: Path) -> None:
    other = Repo.init(tmp_path / "other")
    other.commit("first", {"a b/ü.py": BEFORE})
    other.write({"a b/ü.py": AFTER})
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "load.py").write_text(AFTER)
    async with editor(changed.root, other.root, plain, args=WITHOUT_MODEL) as session:
        uris = [session.open(changed.root / "load.py"), session.open(other.root / "a b" / "ü.py")]
        for uri in uris:
            assert codes(await session.diagnostics(uri, len)) == ["B006"]
        outside = session.open(plain / "load.py")
        await session.diagnostics(outside, none)
        await session.until(lambda: any("not inside a git repository" in line for line in session.log))
        item = types.TextDocumentItem("untitled:1", "python", 1, AFTER)
        session.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        assert await session.hover("untitled:1", 0) == ""
        session.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uris[0])))
        await session.diagnostics(uris[0], none)
        assert not session.messages


async def test_a_repository_runs_no_command_unless_it_is_trusted(changed: Repo, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    tool = f"import pathlib; pathlib.Path({str(trace)!r}).touch(); print('load.py:1:1: warning: found by mine')"
    command = [sys.executable, "-c", tool, "{files}"]
    changed.write({".reviewer.toml": f'[analyzers.mine]\ncommand = {command!r}\nformat = "lines"\nfiles = ["*.py"]\n'})
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(changed.root / "load.py")
        assert codes(await session.diagnostics(uri, len)) == ["B006"]
        await session.until(lambda: any("mine did not run" in line for line in session.log))
    assert not trace.exists()
    async with editor(changed.root, args=WITHOUT_MODEL, env={"REVIEWER_TRUST_REPOSITORY": "1"}) as session:
        uri = session.open(changed.root / "load.py")
        found = await session.diagnostics(uri, len)
    assert trace.exists()
    assert {one.source for one in found} == {"reviewer (ruff)", "reviewer (mine)"}


async def test_a_repository_cannot_have_an_engine_started(changed: Repo) -> None:
    changed.write({".reviewer.toml": "[lsp]\nstart_engine = true\n"})
    async with editor(changed.root) as session:
        session.open(changed.root / "load.py")
        await session.until(lambda: session.messages)
        assert "lsp.start_engine may not be set by a repository" in session.messages[0]


async def test_a_broken_configuration_is_shown_once_until_it_is_mended(changed: Repo) -> None:
    path = changed.root / "load.py"
    changed.write({".reviewer.toml": "nonsense = 1\n"})
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(path)
        await session.until(lambda: session.messages)
        session.save(uri, path, AFTER)
        (changed.root / ".reviewer.toml").unlink()
        session.save(uri, path, AFTER)
        await session.diagnostics(uri, len)
        assert len(session.messages) == 1
        assert "nonsense" in session.messages[0]


async def test_a_secret_is_masked(repo: Repo) -> None:
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    repo.commit("first", {"a.py": "x = 1\n"})
    repo.write({"a.py": f'x = 1\ntoken = "{token}"\n'})
    async with editor(repo.root, args=WITHOUT_MODEL) as session:
        uri = session.open(repo.root / "a.py")
        found = await session.diagnostics(uri, len)
        assert token not in repr(found)
        assert token not in repr(await session.actions(uri, 1))


async def test_the_index_stays_as_it_is_and_nothing_is_left(changed: Repo) -> None:
    changed.stage()
    index = (changed.root / ".git" / "index").read_bytes()
    others = set(psutil.Process().children(recursive=True))  # of fixtures that several tests share
    async with editor(changed.root, args=WITHOUT_MODEL) as session:
        uri = session.open(changed.root / "load.py")
        await session.diagnostics(uri, len)
        children = set(psutil.Process().children(recursive=True)) - others
        assert any("lsp" in one.cmdline() for one in children)
    assert (changed.root / ".git" / "index").read_bytes() == index
    assert not (changed.root / ".git" / "reviewer").exists()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_a_client_that_dies_takes_the_server_with_it(changed: Repo) -> None:
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "reviewer", "lsp"], cwd=changed.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin is not None
    server.stdin.write(b"Content-Length: 99\r\n\r\n{")
    server.stdin.close()
    assert server.wait(30) == 0
    assert server.stdout is not None
    server.stdout.close()
