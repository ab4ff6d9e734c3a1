"""GitLab: draft notes that are published together, as threads on lines.

Draft notes are not checked before they are published, and publishing takes all drafts of the account. If publishing
fails, or if the account has other drafts, each comment becomes a thread of its own, which is checked at once.

Positions: "Discussions API" in GitLab's documentation. An added line has ``new_line`` alone, a context line both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reviewer.errors import PostingError
from reviewer.posting import marker
from reviewer.posting.comments import Style
from reviewer.posting.destination import PERMISSIONS, Forge
from reviewer.posting.http import Http, RefusedError, UnsureError
from reviewer.posting.plan import Posted, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.posting.comments import LineComment
    from reviewer.posting.destination import PullRequest
    from reviewer.posting.poster import Show

_REFS = ("base_sha", "start_sha", "head_sha")


def connect(pull: PullRequest, token: str, show: Show | None) -> GitLab:
    """Return the connection to a merge request."""
    http = Http(
        pull.api,
        {"PRIVATE-TOKEN": token} if token else {},
        permission=PERMISSIONS[Forge.GITLAB],
        local=pull.is_local,
        secret=token,
        show=show,
    )
    return GitLab(http, pull)


class GitLab:
    """See ``poster.Api``."""

    style = Style.GITLAB

    def __init__(self, http: Http, pull: PullRequest) -> None:
        self._http = http
        self._request = f"/projects/{quote(pull.project, safe='')}/merge_requests/{pull.number}"

    def close(self) -> None:
        """See ``poster.Api``."""
        self._http.close()

    def read(self) -> State:
        """See ``poster.Api``."""
        request = self._http.get(self._request)
        refs = request.get("diff_refs") if isinstance(request, dict) else None
        if not isinstance(refs, dict) or not all(isinstance(refs.get(name), str) for name in _REFS):
            raise PostingError("the merge request has no diff yet", hint="run the job again")
        me = self._http.get("/user")
        account = me.get("id") if isinstance(me, dict) else None
        posted: list[Posted] = []
        summary: tuple[str, str, frozenset[str]] = ("", "", frozenset())
        for discussion in self._http.pages(f"{self._request}/discussions"):
            note = _first(discussion)
            found = _ours(note, account)
            if found is None:
                continue
            if found.key:
                body, path = marker.without(note["body"]), str((note.get("position") or {}).get("new_path", ""))
                posted.append(Posted(str(note["id"]), str(discussion["id"]), found.key, path, body, found.gone))
            elif not summary[0]:
                summary = (str(note["id"]), note["body"], found.noted)
        return State(refs["head_sha"], tuple(posted), *summary, tuple((name, refs[name]) for name in _REFS))

    def post_all(self, state: State, new: Sequence[LineComment]) -> None:
        """See ``poster.Api``."""
        if self._drop_drafts():
            raise UnsureError("the account has drafts of its own")
        try:
            for comment in new:
                draft = {"note": comment.body, "position": _position(comment, state)}
                self._http.write("POST", f"{self._request}/draft_notes", draft)
            self._http.write("POST", f"{self._request}/draft_notes/bulk_publish")
        except (RefusedError, UnsureError):
            self._drop_drafts()
            raise

    def post_one(self, state: State, comment: LineComment) -> None:
        """See ``poster.Api``."""
        thread = {"body": comment.body, "position": _position(comment, state)}
        self._http.write("POST", f"{self._request}/discussions", thread)

    def retire(self, posted: Posted, body: str) -> bool:
        """See ``poster.Api``."""
        self._http.write("PUT", f"{self._request}/notes/{posted.id}", {"body": body})
        try:
            self._http.write("PUT", f"{self._request}/discussions/{posted.thread}", {"resolved": True})
        except PostingError:  # only developers may
            return False
        return True

    def write_summary(self, state: State, body: str) -> None:
        """See ``poster.Api``."""
        if state.summary:
            self._http.write("PUT", f"{self._request}/notes/{state.summary}", {"body": body})
        else:
            self._http.write("POST", f"{self._request}/notes", {"body": body})

    def _drop_drafts(self) -> bool:
        """Delete drafts that an interrupted job left; return whether the account has others, which stay."""
        if self._http.is_dry:
            return False
        others = False
        for draft in list(self._http.pages(f"{self._request}/draft_notes")):
            found = marker.read(draft["note"]) if isinstance(draft.get("note"), str) else None
            if found is None:
                others = True
            else:
                self._http.write("DELETE", f"{self._request}/draft_notes/{draft['id']}")
        return others


def _position(comment: LineComment, state: State) -> dict[str, object]:
    position: dict[str, object] = {
        **dict(state.refs),
        "position_type": "text",
        "old_path": comment.old_path,
        "new_path": comment.path,
        "new_line": comment.line,
    }
    if comment.old_line is not None:
        position["old_line"] = comment.old_line
    return position


def _first(discussion: Any) -> dict[str, Any]:
    notes = discussion.get("notes") if isinstance(discussion, dict) else None
    note = notes[0] if isinstance(notes, list) and notes else None
    return note if isinstance(note, dict) else {}


def _ours(note: dict[str, Any], account: object) -> marker.Marker | None:
    """The marker of a note, if this token's account wrote it."""
    author, body = note.get("author"), note.get("body")
    if account is None or not isinstance(author, dict) or author.get("id") != account or not isinstance(body, str):
        return None
    return marker.read(body)
