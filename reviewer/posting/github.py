"""GitHub: one review with its comments; REST to write, GraphQL to read threads and to resolve them.

REST has no threads, and a job's token may not ask it for its own account (``GET /user``); GraphQL has both
(``viewerDidAuthor``). To resolve a thread, such a token needs ``contents: write`` as well, which a reviewer should not
have; where that is refused, the comment still says that its finding is gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reviewer.errors import PostingError
from reviewer.posting import marker
from reviewer.posting.comments import Style
from reviewer.posting.destination import PERMISSIONS, Forge
from reviewer.posting.http import Http
from reviewer.posting.plan import Posted, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reviewer.posting.comments import LineComment
    from reviewer.posting.destination import PullRequest
    from reviewer.posting.poster import Show

_COMMENT = "id url body viewerDidAuthor"
_CONNECTIONS = {
    "comments": f"nodes {{ {_COMMENT} }}",
    "reviewThreads": f"nodes {{ id path comments(first: 1) {{ nodes {{ {_COMMENT} }} }} }}",
}
_QUERY = """\
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    headRefOid
    %s(first: 100, after: $after) { pageInfo { hasNextPage endCursor } %s }
  } }
}"""
_RESOLVE = "mutation($thread: ID!) { resolveReviewThread(input: {threadId: $thread}) { thread { isResolved } } }"
_MAX_PAGES = 100
_NUMBER = re.compile(r"(\d+)\Z")


def connect(pull: PullRequest, token: str, show: Show | None) -> GitHub:
    """Return the connection to a pull request."""
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    http = Http(pull.api, headers, permission=PERMISSIONS[Forge.GITHUB], local=pull.is_local, secret=token, show=show)
    return GitHub(http, pull)


class GitHub:
    """See ``poster.Api``."""

    style = Style.GITHUB

    def __init__(self, http: Http, pull: PullRequest) -> None:
        self._http = http
        self._pull = pull
        self._repo = f"/repos/{pull.project}"
        # GitHub Enterprise Server has its REST API at /api/v3, and GraphQL at /api/graphql.
        self._graphql = f"{pull.api.removesuffix('/v3')}/graphql"

    def close(self) -> None:
        """See ``poster.Api``."""
        self._http.close()

    def read(self) -> State:
        """See ``poster.Api``."""
        _, threads = self._all("reviewThreads")
        posted = []
        for thread in threads:
            first = next(iter(_nodes(thread.get("comments"))), {})
            found = _ours(first)
            if found is not None and found.key:
                body = marker.without(first["body"])
                posted.append(
                    Posted(_number(first), str(thread["id"]), found.key, str(thread["path"]), body, found.gone)
                )
        head, comments = self._all("comments")
        state = State(head, tuple(posted))
        for comment in comments:
            found = _ours(comment)
            if found is not None and found.head:
                return State(head, state.posted, _number(comment), comment["body"], found.noted)
        return state

    def post_all(self, state: State, new: Sequence[LineComment]) -> None:
        """See ``poster.Api``."""
        count = len(new)
        review = {
            "commit_id": state.head,
            "event": "COMMENT",
            "body": f"{count} new finding{'s' if count > 1 else ''}",
            "comments": [_comment(comment) for comment in new],
        }
        self._http.write("POST", f"{self._repo}/pulls/{self._pull.number}/reviews", review)

    def post_one(self, state: State, comment: LineComment) -> None:
        """See ``poster.Api``."""
        body = {"commit_id": state.head, **_comment(comment)}
        self._http.write("POST", f"{self._repo}/pulls/{self._pull.number}/comments", body)

    def retire(self, posted: Posted, body: str) -> bool:
        """See ``poster.Api``."""
        self._http.write("PATCH", f"{self._repo}/pulls/comments/{posted.id}", {"body": body})
        request = {"query": _RESOLVE, "variables": {"thread": posted.thread}}
        try:
            reply = self._http.write("POST", self._graphql, request, repeatable=True)
        except PostingError:
            return False
        return self._http.is_dry or not (isinstance(reply, dict) and reply.get("errors"))

    def write_summary(self, state: State, body: str) -> None:
        """See ``poster.Api``."""
        if state.summary:
            self._http.write("PATCH", f"{self._repo}/issues/comments/{state.summary}", {"body": body})
        else:
            self._http.write("POST", f"{self._repo}/issues/{self._pull.number}/comments", {"body": body})

    def _all(self, connection: str) -> tuple[str, list[dict[str, Any]]]:
        """The head of the pull request, and every node of one of its lists."""
        owner, _, name = self._pull.project.partition("/")
        variables = {"owner": owner, "name": name, "number": self._pull.number, "after": None}
        found: list[dict[str, Any]] = []
        for _ in range(_MAX_PAGES):
            query = _QUERY % (connection, _CONNECTIONS[connection])
            reply = self._http.query(self._graphql, {"query": query, "variables": variables})
            pull = _pull(reply, self._pull)
            found += _nodes(pull.get(connection))
            page = pull[connection].get("pageInfo") if isinstance(pull.get(connection), dict) else None
            if not isinstance(page, dict) or not page.get("hasNextPage"):
                return str(pull.get("headRefOid")), found
            variables["after"] = page.get("endCursor")
        raise PostingError(f"{self._pull} has more than {_MAX_PAGES} pages of comments")


def _comment(comment: LineComment) -> dict[str, object]:
    """A comment as GitHub takes it: on one line, or from ``start_line`` to ``line``."""
    where: dict[str, object] = {"path": comment.path, "line": comment.end, "side": "RIGHT"}
    if comment.start < comment.end:
        where |= {"start_line": comment.start, "start_side": "RIGHT"}
    return {**where, "body": comment.body}


def _pull(reply: object, pull: PullRequest) -> dict[str, Any]:
    """The pull request in GraphQL's reply, which is a success even if it holds nothing but errors.

    Raises:
        PostingError: It is not there.
    """
    tree = reply
    for key in ("data", "repository", "pullRequest"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    if isinstance(tree, dict):
        return tree
    errors = reply.get("errors") if isinstance(reply, dict) else None
    said = (
        [str(error.get("message")) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    )
    raise PostingError(
        f"cannot read {pull}: {'; '.join(said)[:300] or 'it is not there'}",
        hint=f"the token needs {PERMISSIONS[Forge.GITHUB]}",
    )


def _nodes(connection: object) -> list[dict[str, Any]]:
    nodes = connection.get("nodes") if isinstance(connection, dict) else None
    return [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []


def _ours(comment: dict[str, Any]) -> marker.Marker | None:
    """The marker of a comment, if this token's account wrote it."""
    body = comment.get("body")
    return marker.read(body) if comment.get("viewerDidAuthor") is True and isinstance(body, str) else None


def _number(comment: dict[str, Any]) -> str:
    """The comment's id in the REST API, with which its address ends; GraphQL's ``databaseId`` is too small for it."""
    match = _NUMBER.search(str(comment.get("url")))
    if match is None:
        raise PostingError("a comment on GitHub has no number in its address")
    return match[1]
