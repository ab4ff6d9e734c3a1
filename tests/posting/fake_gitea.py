"""Gitea's rules, as its API's handlers have them: routers/api/v1/repo/pull_review.go and issue_comment.go.

The comments of a review are made one by one in a pending review, which is then submitted. A line that the file does not
have fails with 500 in between, and leaves what was made pending.
"""

from __future__ import annotations

import re
from typing import Any

from tests.posting.fake_forge import ME, OTHER, PREFIX, TOKEN, Api, Reply

JOB_ACCOUNT = -2


class Forge(Api):
    """A Gitea with one pull request, o/r#7; with ``forgejo`` one that cannot resolve threads."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.state |= {"reviews": [], "lines": [], "comments": []}
        self._me = JOB_ACCOUNT if config.get("job") else ME

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]) -> Reply:
        """Answer a request."""
        if headers.get("authorization") != f"token {TOKEN}":
            return _error(401, "invalid username, password or token")
        if (method, path) == ("GET", f"{PREFIX['gitea']}/user"):
            return _error(403, "no such scope") if self.config.get("job") else Reply(200, {"id": ME, "login": "bot"})
        repo = f"{PREFIX['gitea']}/repos/o/r"
        routes = (
            ("GET", "/pulls/7", lambda _: Reply(200, {"number": 7, "head": {"sha": self.head}})),
            ("GET", "/pulls/7/reviews", lambda _: self.page(path, query, self._visible(), 50)),
            ("GET", r"/pulls/7/reviews/(\d+)/comments", self._comments_of),
            ("POST", "/pulls/7/reviews", self._review),
            ("DELETE", r"/pulls/7/reviews/(\d+)", self._drop),
            ("POST", r"/pulls/comments/(\d+)/resolve", self._resolve),
            ("GET", "/issues/7/comments", lambda _: Reply(200, self.state["comments"])),
            ("POST", "/issues/7/comments", self._comment),
            ("PATCH", r"/issues/comments/(\d+)", self._edit),
        )
        for verb, pattern, answer in routes:
            if method == verb and (match := re.fullmatch(repo + pattern, path)):
                if method != "GET" and self.config.get("read_only"):
                    return _error(403, "token does not have at least one of required scope(s): [write:issue]")
                return answer(body, *match.groups())
        return _error(404, "The target couldn't be found.")

    def _visible(self) -> list[dict[str, Any]]:
        return [
            {**review, "comments_count": sum(line["review"] == review["id"] for line in self.state["lines"])}
            for review in self.state["reviews"]
            if review["state"] != "PENDING" or review["user"]["id"] == self._me
        ]

    def _comments_of(self, _: Any, number: str) -> Reply:
        return Reply(200, [line for line in self.state["lines"] if line["review"] == int(number)])

    def _review(self, body: Any) -> Reply:
        if body.get("event") == "COMMENT" and not body.get("body", "").strip() and not body.get("comments"):
            return _error(422, "review event COMMENT requires a body or a comment")
        pending = next((one for one in self.state["reviews"] if one["state"] == "PENDING"), None)
        if pending is None:
            pending = {"id": self.number(), "state": "PENDING", "user": {"id": self._me}, "body": ""}
            self.state["reviews"].append(pending)
        for comment in body["comments"]:
            if not self._blames(comment):
                return _error(500, f"LineBlame[refs/pull/7/head, {comment['path']}]: exit status 128")
            self.state["lines"].append(
                {
                    "id": self.number(),
                    "review": pending["id"],
                    "user": {"id": self._me},
                    "body": comment["body"],
                    "path": comment["path"],
                    "position": comment.get("new_position", 0),
                    "original_position": comment.get("old_position", 0),
                    "resolver": None,
                }
            )
        pending |= {"state": "COMMENT", "body": body["body"], "commit_id": body["commit_id"]}
        return Reply(200, pending)

    def _blames(self, comment: dict[str, Any]) -> bool:
        if comment.get("old_position", 0) > 0:
            return True
        if self.config.get("refuses") == comment["new_position"]:
            return False
        lines = self.git("show", f"{self.head}:{comment['path']}").splitlines()
        return 1 <= comment["new_position"] <= len(lines)

    def _drop(self, _: Any, number: str) -> Reply:
        self.state["reviews"] = [one for one in self.state["reviews"] if one["id"] != int(number)]
        self.state["lines"] = [one for one in self.state["lines"] if one["review"] != int(number)]
        return Reply(204)

    def _resolve(self, _: Any, number: str) -> Reply:
        if self.config.get("forgejo"):
            return Reply(405, {"message": ""}, {"Allow": "GET"})
        for line in self.state["lines"]:
            if line["id"] == int(number):
                line["resolver"] = {"id": self._me}
                return Reply(204)
        return _error(404, "The target couldn't be found.")

    def _comment(self, body: Any) -> Reply:
        comment = {"id": self.number(), "user": {"id": self._me}, "body": body["body"]}
        self.state["comments"].append(comment)
        return Reply(201, comment)

    def _edit(self, body: Any, number: str) -> Reply:
        for comment in (*self.state["comments"], *self.state["lines"]):
            if comment["id"] == int(number):
                if comment["user"]["id"] == OTHER:
                    return _error(403, "")
                comment["body"] = body["body"]
                return Reply(200, comment)
        return _error(404, "The target couldn't be found.")


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"message": message, "url": "https://forge.invalid/api/swagger"})
