"""An editor without a screen: starts ``reviewer lsp`` and speaks the Language Server Protocol with it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Union

from lsprotocol import types
from pygls.lsp.client import LanguageClient
from pygls.protocol import default_converter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    import cattrs

_PATIENCE = 60.0


class Editor:
    """The client's side of one session.

    Attributes:
        published: Every publication of diagnostics so far, with the time when it came.
        messages: What ``window/showMessage`` showed.
        log: What ``window/logMessage`` said.
        progress: The values of ``$/progress``, such as ``{"kind": "begin", "title": …}``.
    """

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.published: list[tuple[float, types.PublishDiagnosticsParams]] = []
        self.messages: list[str] = []
        self.log: list[str] = []
        self.progress: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._versions: dict[str, int] = {}

        def publish(params: types.PublishDiagnosticsParams) -> None:
            self.published.append((time.monotonic(), params))
            self._news.set()

        def show(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)
            self._news.set()

        def log(params: types.LogMessageParams) -> None:
            self.log.append(params.message)
            self._news.set()

        def create(_: types.WorkDoneProgressCreateParams) -> None:
            return None

        def progress(params: types.ProgressParams) -> None:
            value = params.value if isinstance(params.value, dict) else params.value._asdict()
            self.progress.append(value)
            self._news.set()

        for name, handler in {
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: publish,
            types.WINDOW_SHOW_MESSAGE: show,
            types.WINDOW_LOG_MESSAGE: log,
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: create,
            types.PROGRESS: progress,
        }.items():
            client.feature(name)(handler)

    def kinds(self) -> set[str]:
        """Return the kinds of progress so far: ``begin``, ``report``, ``end``."""
        return {one["kind"] for one in self.progress}

    async def until(self, done: Callable[[], Any], seconds: float = _PATIENCE) -> Any:
        """Wait for something to become true, and return it."""
        ends = time.monotonic() + seconds
        while not (found := done()):
            self._news.clear()
            left = ends - time.monotonic()
            assert left > 0, f"{self.published[-3:]} {self.messages} {self.log}"
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                continue
        return found

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a file, and return its URI."""
        uri = path.as_uri()
        self._versions[uri] = 1
        content = path.read_bytes().decode() if text is None else text
        item = types.TextDocumentItem(uri, "text", 1, content)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def change(self, uri: str, text: str) -> None:
        """Edit a document without saving it."""
        self._versions[uri] += 1
        document = types.VersionedTextDocumentIdentifier(self._versions[uri], uri)
        whole = types.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [whole]))

    def save(self, uri: str, path: Path, text: str) -> None:
        """Edit a document and save it."""
        self.change(uri, text)
        path.write_bytes(text.encode())
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def shown(self, uri: str) -> list[types.Diagnostic] | None:
        """Return the diagnostics that are on the screen; None before the first ones."""
        found = [params.diagnostics for _, params in self.published if params.uri == uri]
        return list(found[-1]) if found else None

    async def diagnostics(self, uri: str, wanted: Callable[[list[types.Diagnostic]], Any]) -> list[types.Diagnostic]:
        """Wait for diagnostics that are as wanted."""
        await self.until(lambda: (found := self.shown(uri)) is not None and wanted(found))
        found = self.shown(uri)
        assert found is not None
        return found

    async def actions(self, uri: str, line: int, *, to: int | None = None) -> dict[str, types.CodeAction]:
        """Return the code actions for a line, or for a selection of lines, by title."""
        where = types.Range(types.Position(line, 0), types.Position(line if to is None else to, 0))
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, types.CodeActionContext([]))
        found = await self.client.text_document_code_action_async(params) or []
        return {action.title: action for action in found if isinstance(action, types.CodeAction)}

    async def hover(self, uri: str, line: int) -> str:
        """Return the text of the hover for a line; empty where there is none."""
        params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, 0))
        found = await self.client.text_document_hover_async(params)
        assert found is None or isinstance(found.contents, types.MarkupContent)
        return found.contents.value if found is not None else ""

    async def run(self, action: types.CodeAction) -> Any:
        """Run the command of a code action."""
        assert action.command is not None
        params = types.ExecuteCommandParams(action.command.command, action.command.arguments)
        return await self.client.workspace_execute_command_async(params)


def _converter() -> cattrs.Converter:
    """Return pygls's own, mended: lsprotocol 2025.0.0 takes every code action with a command for a bare command."""
    converter = default_converter()

    def action(value: dict[str, Any], _: Any) -> types.Command | types.CodeAction:
        bare = isinstance(value.get("command"), str)
        return converter.structure(value, types.Command) if bare else converter.structure(value, types.CodeAction)

    converter.register_structure_hook(Union[types.Command, types.CodeAction], action)  # noqa: UP007 - as lsprotocol does
    return converter


@asynccontextmanager
async def editor(
    *folders: Path,
    args: Sequence[str] = (),
    env: dict[str, str] | None = None,
    encodings: Sequence[types.PositionEncodingKind] | None = None,
    versioned: bool = True,
) -> AsyncIterator[Editor]:
    """Start a server and initialize it; at the end shut it down, and require that it leaves with 0."""
    client = LanguageClient("test", "1", converter_factory=_converter)
    session = Editor(client)
    command = ["-P", "-m", "reviewer", "lsp", *args]
    await client.start_io(sys.executable, *command, env={**os.environ, **(env or {})}, cwd=folders[0])
    capabilities = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=encodings),
        window=types.WindowClientCapabilities(work_done_progress=True),
        workspace=types.WorkspaceClientCapabilities(
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=versioned)
        ),
    )
    roots = [types.WorkspaceFolder(folder.as_uri(), folder.name) for folder in folders]
    result = await client.initialize_async(types.InitializeParams(capabilities, workspace_folders=roots))
    assert result.capabilities.position_encoding == (encodings[0] if encodings else "utf-16")
    client.initialized(types.InitializedParams())
    server = client._server
    assert server is not None
    try:
        yield session
        await asyncio.wait_for(client.shutdown_async(None), 30)
        client.exit(None)
        assert await asyncio.wait_for(server.wait(), 30) == 0
    finally:
        if server.returncode is None:
            server.kill()
        await client.stop()


def applied(text: str, edit: types.TextEdit, encoding: str) -> str:
    """Apply an edit as a client does, counting in its own unit.

    Args:
        text: The document.
        edit: The edit.
        encoding: Python's name for it: ``utf-16-le``, ``utf-8`` or ``utf-32-le``.
    """
    width = {"utf-8": 1, "utf-16-le": 2, "utf-32-le": 4}[encoding]
    starts = [0]
    for at, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[at + 1 : at + 2] != "\n"):
            starts.append(at + 1)

    def offset(position: types.Position) -> int:
        line = text[starts[position.line] :]
        return starts[position.line] + len(line.encode(encoding)[: position.character * width].decode(encoding))

    return text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]


def edit_of(action: types.CodeAction) -> types.TextEdit:
    """Return the only edit of a code action."""
    assert action.edit is not None
    if action.edit.document_changes:
        (change,) = action.edit.document_changes
        assert isinstance(change, types.TextDocumentEdit)
        (edit,) = change.edits
    else:
        ((edit,),) = (action.edit.changes or {}).values()
    assert isinstance(edit, types.TextEdit)
    return edit


def id_of(found: types.Diagnostic) -> str:
    """Return the id of a finding."""
    assert isinstance(found.data, dict)
    name = found.data["id"]
    assert isinstance(name, str)
    return name
