"""The language server: connects the client's requests with the reviews of its open files.

Protocol: https://microsoft.github.io/language-server-protocol/, version 3.17; library: ``pygls`` 2.x. Nothing here
blocks the event loop: git, analyzers and the engine run in threads and processes of their own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from reviewer import __version__, syntax
from reviewer.engine.manager import AIModelManager
from reviewer.errors import ReviewerError
from reviewer.languages import detect
from reviewer.protocols.lsp.lines import Buffer
from reviewer.protocols.lsp.progress import WorkDone
from reviewer.protocols.lsp.reviews import OpenFile, Reviews, load_settings, path_of
from reviewer.protocols.lsp.shown import DISMISS, EXPLAIN, Document
from reviewer.silencing.dismissal import Dismissal, Dismissals
from reviewer.terminal.masking import mask, remembering, secrets, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pygls.workspace import TextDocument

EXPLAIN_LINES = "reviewer.explainLines"
_AROUND = 10  # lines before and after a finding that is in no function
_SYNC = types.TextDocumentSyncKind.Full  # pygls counts lines by ``str.splitlines``, which ends more than the protocol


def make_server(flags: Mapping[str, object]) -> LanguageServer:
    """Make the server.

    Args:
        flags: Settings from the command line, by field.
    """
    server = LanguageServer("reviewer", __version__, text_document_sync_kind=_SYNC)
    _Features(server, flags).add()
    return server


class _Features:
    """What the server does for its client.

    Args:
        server: Where the features are registered.
        flags: Settings from the command line.
    """

    def __init__(self, server: LanguageServer, flags: Mapping[str, object]) -> None:
        self._server = server
        self._flags = flags
        self._reviews = Reviews(server, flags, self._publish)

    def add(self) -> None:
        """Register them all."""
        server, reviews = self._server, self._reviews

        @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
        def opened(params: types.DidOpenTextDocumentParams) -> None:
            reviews.open(params.text_document.uri)

        @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
        def saved(params: types.DidSaveTextDocumentParams) -> None:
            reviews.start(params.text_document.uri)

        @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
        def changed(params: types.DidChangeTextDocumentParams) -> None:
            file = reviews.get(params.text_document.uri)
            if file is not None and file.shown is not None:
                self._publish(file)

        @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
        def closed(params: types.DidCloseTextDocumentParams) -> None:
            reviews.close(params.text_document.uri)
            server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(params.text_document.uri, []))

        @server.feature(types.SHUTDOWN)
        def shut_down(_: None) -> None:
            reviews.stop()

        @server.feature(types.TEXT_DOCUMENT_HOVER)
        def hover(params: types.HoverParams) -> types.Hover | None:
            file, document = reviews.get(params.text_document.uri), self._document(params.text_document.uri)
            shown = file.shown if file is not None else None
            return shown.hover(document, params.position) if shown is not None and document is not None else None

        self._add_actions()

    def _add_actions(self) -> None:
        server, kinds = self._server, [types.CodeActionKind.QuickFix]

        @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(kinds))
        def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
            return self._actions(params)

        @server.command(DISMISS)
        async def dismiss(uri: str, fingerprint: str) -> None:
            await self._dismiss(uri, fingerprint)

        @server.command(EXPLAIN)
        async def explain(uri: str, fingerprint: str) -> str | None:
            return await self._explain(uri, fingerprint)

        @server.command(EXPLAIN_LINES)
        async def explain_lines(uri: str, first: int, last: int) -> str | None:
            return await self._explain_lines(uri, first, last)

    def _document(self, uri: str) -> Document | None:
        found = self._text(uri)
        if found is None:
            return None
        workspace = self._server.client_capabilities.workspace
        edits = workspace.workspace_edit if workspace is not None else None
        buffer = Buffer(found.source, found.position_codec)
        return Document(uri, found.version, buffer, versioned=edits is not None and bool(edits.document_changes))

    def _text(self, uri: str) -> TextDocument | None:
        """Return an open document; pygls keeps them by decoded URI."""
        found: TextDocument | None = self._server.workspace.text_documents.get(unquote(uri))
        return found

    def _publish(self, file: OpenFile) -> None:
        text, document = self._text(file.uri), self._document(file.uri)
        if text is None or document is None:
            return
        found: list[types.Diagnostic] = []
        if file.shown is not None:
            file.shown.follow(text.source)
            found = file.shown.diagnostics(document)
        params = types.PublishDiagnosticsParams(file.uri, found, version=document.version)
        self._server.text_document_publish_diagnostics(params)

    def _actions(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        uri, only = params.text_document.uri, params.context.only
        file, document = self._reviews.get(uri), self._document(uri)
        if document is None or not _wanted(types.CodeActionKind.QuickFix, only):
            return []
        shown = file.shown if file is not None else None
        found = shown.actions(document, params.range) if shown is not None else []
        if params.range.start != params.range.end and not only:
            first, last = (document.buffer.line_at(one) for one in (params.range.start, params.range.end))
            title = "Explain the selected lines"
            call = types.Command(title, EXPLAIN_LINES, arguments=[uri, first, last])
            found.append(types.CodeAction(title, command=call))
        return found

    async def _dismiss(self, uri: str, fingerprint: str) -> None:
        file = self._reviews.get(uri)
        finding = file.shown.finding(fingerprint) if file is not None and file.shown is not None else None
        if file is None or file.shown is None or finding is None or file.repository is None:
            self._say(types.MessageType.Warning, "the finding is gone")
            return
        dismissal = Dismissal.of(finding, model=file.shown.model, reason="")
        try:
            await asyncio.to_thread(Dismissals(file.repository.common_dir).add, [dismissal])
        except ReviewerError as problem:
            self._say(types.MessageType.Error, problem.message)
            return
        self._say(types.MessageType.Info, f"dismissed; to undo: reviewer dismiss --undo {fingerprint}")
        self._reviews.start(uri)

    async def _explain(self, uri: str, fingerprint: str) -> str | None:
        file, text, document = self._reviews.get(uri), self._text(uri), self._document(uri)
        found = file.shown.place(fingerprint) if file is not None and file.shown is not None else None
        if found is None or text is None or document is None:
            self._say(types.MessageType.Warning, "the finding is gone")
            return None
        finding, line = found
        scope = syntax.enclosing(detect(str(path_of(uri)), text.source), text.source, line + 1)
        first, last = (scope.start - 1, scope.end - 1) if scope is not None else (line - _AROUND, line + _AROUND)
        code = document.buffer.text(max(first, 0), last)
        return await self._answer(uri, code, f"{finding.line_text.strip()}\nWhy is this a problem: {finding.message}?")

    async def _explain_lines(self, uri: str, first: int, last: int) -> str | None:
        document = self._document(uri)
        return None if document is None else await self._answer(uri, document.buffer.text(first, last), None)

    async def _answer(self, uri: str, code: str, question: str | None) -> str | None:
        """Ask the model, show the answer, and return it for clients that show it themselves."""
        file = self._reviews.get(uri)
        try:
            settings = await asyncio.to_thread(load_settings, file.repository if file else None, self._flags)
            manager = AIModelManager(settings.model_config, keep_warm=True, may_start=settings.start_engine)
            language = detect(str(path_of(uri)), code.partition("\n")[0]).name
            async with WorkDone(self._server) as progress:
                await manager.load_model(progress=progress)
                async with manager:
                    progress.step("explaining")
                    answer = await manager.explain_code(code, question, language=language)
        except ReviewerError as problem:
            self._say(types.MessageType.Warning, "\n".join(part for part in (problem.message, problem.hint) if part))
            return None
        with remembering(secrets(code)):
            shown = visible(mask(answer))
        self._say(types.MessageType.Info, shown)
        return shown

    def _say(self, level: types.MessageType, text: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(level, f"reviewer: {text}"))


def _wanted(kind: str, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """Whether the client asks for actions of a kind; ``quickfix`` includes ``quickfix.x``."""
    return not only or any(f"{kind}.".startswith(f"{one}." if one else "") for one in only)
