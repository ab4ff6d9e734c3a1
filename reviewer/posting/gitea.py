"""Gitea and Forgejo: one review with its comments. Comments name line numbers of the old or the new file.

A review that fails halfway leaves its comments in a pending review, which the next one would publish; such a review is
deleted. There are no suggestions that can be committed; a fix is shown as a diff. Threads can be resolved in Gitea 1.26
and later, not in Forgejo; elsewhere the comment still says that its finding is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

_JOB_ACCOUNT = -2  # of a job's own token, which may not ask for /user


def connect(pull: PullRequest, token: str, show: Show | None) -> Gitea:
    """Return the connection to a pull request."""
    headers = {"Authorization": f"token {token}"} if token else {}
    http = Http(pull.api, headers, permission=PERMISSIONS[Forge.GITEA], local=pull.is_local, secret=token, show=show)
    return Gitea(http, pull, is_job=bool(token) and token == pull.job_token)


class Gitea:
    """See ``poster.Api``."""

    style = Style.NONE

    def __init__(self, http: Http, pull: PullRequest, *, is_job: bool) -> None:
        self._http = http
        self._is_job = is_job
        self._repo = f"/repos/{pull.project}"
        self._request = f"{self._repo}/pulls/{pull.number}"
        self._issue = f"{self._repo}/issues/{pull.number}"
        self._account: object = None

    def close(self) -> None:
        """See ``poster.Api``."""
        self._http.close()

    def read(self) -> State:
        """See ``poster.Api``."""
        request = self._http.get(self._request)
        head = request["head"].get("sha") if isinstance(request, dict) and isinstance(request.get("head"), dict) else ""
        self._account = self._own_account()
        posted: list[Posted] = []
        for review in self._reviews():
            if review.get("state") == "PENDING":
                continue
            for comment in self._comments(review):
                found = self._ours(comment)
                if found is not None and found.key:
                    body, name = marker.without(comment["body"]), str(comment["id"])
                    posted.append(Posted(name, name, found.key, str(comment.get("path")), body, found.gone))
        for comment in self._http.pages(f"{self._issue}/comments"):
            found = self._ours(comment)
            if found is not None and found.head:
                return State(str(head), tuple(posted), str(comment["id"]), comment["body"], found.noted)
        return State(str(head), tuple(posted))

    def post_all(self, state: State, new: Sequence[LineComment]) -> None:
        """See ``poster.Api``."""
        count = len(new)
        self._review(state, f"{count} new finding{'s' if count > 1 else ''}", new)

    def post_one(self, state: State, comment: LineComment) -> None:
        """See ``poster.Api``."""
        try:
            self._review(state, "1 new finding", [comment])
        except UnsureError as problem:  # a line that is not in the file is answered with 500
            raise RefusedError(str(problem)) from problem

    def retire(self, posted: Posted, body: str) -> bool:
        """See ``poster.Api``."""
        self._http.write("PATCH", f"{self._repo}/issues/comments/{posted.id}", {"body": body})
        try:
            self._http.write("POST", f"{self._repo}/pulls/comments/{posted.thread}/resolve", repeatable=True)
        except (PostingError, RefusedError):
            return False
        return True

    def write_summary(self, state: State, body: str) -> None:
        """See ``poster.Api``."""
        if state.summary:
            self._http.write("PATCH", f"{self._repo}/issues/comments/{state.summary}", {"body": body})
        else:
            self._http.write("POST", f"{self._issue}/comments", {"body": body})

    def _review(self, state: State, body: str, new: Sequence[LineComment]) -> None:
        self._drop_pending()
        review = {
            "commit_id": state.head,
            "event": "COMMENT",
            "body": body,
            "comments": [
                {"path": comment.path, "new_position": comment.line, "old_position": 0, "body": comment.body}
                for comment in new
            ],
        }
        try:
            self._http.write("POST", f"{self._request}/reviews", review)
        except (RefusedError, UnsureError):
            self._drop_pending()
            raise

    def _drop_pending(self) -> None:
        """Delete a pending review of ours.

        Raises:
            PostingError: It has comments that are not ours, which a new review would publish.
        """
        if self._http.is_dry:
            return
        for review in self._reviews():
            if review.get("state") != "PENDING":
                continue
            if not all(self._ours(comment) for comment in self._comments(review)):
                raise PostingError(
                    "the token's account has a pending review on this pull request", hint="submit it or delete it"
                )
            self._http.write("DELETE", f"{self._request}/reviews/{review['id']}")

    def _reviews(self) -> list[dict[str, Any]]:
        """The reviews of our account."""
        found = [review for review in self._http.pages(f"{self._request}/reviews") if isinstance(review, dict)]
        return [review for review in found if self._is_own(review)]

    def _comments(self, review: dict[str, Any]) -> list[dict[str, Any]]:
        if not review.get("comments_count"):
            return []
        comments = self._http.get(f"{self._request}/reviews/{review['id']}/comments")
        return [comment for comment in comments if isinstance(comment, dict)] if isinstance(comments, list) else []

    def _own_account(self) -> object:
        if self._is_job:
            return _JOB_ACCOUNT
        me = self._http.get("/user")
        return me.get("id") if isinstance(me, dict) else None

    def _is_own(self, item: dict[str, Any]) -> bool:
        user = item.get("user")
        return isinstance(user, dict) and self._account is not None and user.get("id") == self._account

    def _ours(self, comment: Any) -> marker.Marker | None:
        """The marker of a comment, if this token's account wrote it."""
        if not isinstance(comment, dict) or not self._is_own(comment) or not isinstance(comment.get("body"), str):
            return None
        return marker.read(comment["body"])
