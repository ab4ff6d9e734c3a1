"""GitHub's rules: "REST API endpoints for pull request reviews" and "… comments", "Queries" and "Mutations" of GraphQL.

The texts of errors are GitHub's own.
"""

from __future__ import annotations

import re
from typing import Any

from tests.posting.fake_forge import ME, OTHER, PREFIX, TOKEN, Api, Reply

_LIMIT = 65_536
_DOCS = "https://docs.github.com/rest/pulls/reviews#create-a-review-for-a-pull-request"


class Forge(Api):
    """GitHub Enterprise Server with one pull request, o/r#7."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.state |= {"threads": [], "comments": [], "reviews": []}

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]) -> Reply:
        """Answer a request."""
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "Bad credentials")
        if path == "/api/graphql":
            return self._graphql(body)
        repo = f"{PREFIX['github']}/repos/o/r"
        routes = (
            ("POST", r"/pulls/7/reviews", self._review),
            ("POST", r"/pulls/7/comments", self._single),
            ("PATCH", r"/pulls/comments/(\d+)", self._edit_line),
            ("POST", r"/issues/7/comments", self._comment),
            ("PATCH", r"/issues/comments/(\d+)", self._edit),
        )
        for verb, pattern, answer in routes:
            if method == verb and (match := re.fullmatch(repo + pattern, path)):
                if self.config.get("read_only"):
                    return _error(403, "Resource not accessible by integration")
                return answer(body, *match.groups())
        return _error(404, "Not Found")

    def _review(self, body: Any) -> Reply:
        if body.get("event") != "COMMENT" or not body.get("body"):
            return _error(422, "Unprocessable Entity", ["Body can't be blank"])
        if body["commit_id"] != self.head:
            return _error(422, "Unprocessable Entity", ["Commit is not part of the pull request"])
        for comment in body["comments"]:
            if problems := self._problems(comment):
                return _error(422, "Unprocessable Entity", [" and ".join(problems)])
        number = self.number()
        self.state["reviews"].append({"id": number, "body": body["body"], "comments": len(body["comments"])})
        for comment in body["comments"]:
            self._thread(comment)
        return Reply(200, {"id": number})

    def _single(self, body: Any) -> Reply:
        if body["commit_id"] != self.head or (problems := self._problems(body)):
            problems = problems or ["commit_id is not part of the pull request"]
            return _error(422, "Validation Failed", [{"resource": "PullRequestReviewComment", "message": problems[0]}])
        self._thread(body)
        return Reply(201, {})

    def _problems(self, comment: dict[str, Any]) -> list[str]:
        if not comment.get("body") or len(comment["body"]) > _LIMIT:
            return [f"Body is too long (maximum is {_LIMIT} characters)"]
        if self.config.get("refuses") and self.config["refuses"] in comment["body"]:
            return ["Pull request review thread line must be part of the diff"]
        side = "new" if comment.get("side", "RIGHT") == "RIGHT" else "old"
        hunks = {getattr(line, side): line.hunk for line in self.diff().get(comment["path"], [])}
        hunks.pop(None, None)
        hunk = hunks.get(comment["line"])
        if hunk is None:
            return [
                "Pull request review thread line must be part of the diff",
                "Pull request review thread diff hunk can't be blank",
            ]
        start = comment.get("start_line")
        if start is not None and (start >= comment["line"] or comment.get("start_side", side) not in ("RIGHT", side)):
            return ["Pull request review thread start line must precede the end line."]
        if start is not None and hunks.get(start) != hunk:
            return ["Pull request review thread start line must be part of the same hunk as the line."]
        return []

    def _thread(self, comment: dict[str, Any]) -> None:
        self.state["threads"].append({**comment, "id": self.number(), "author": ME, "resolved": False})

    def _comment(self, body: Any) -> Reply:
        if not body.get("body") or len(body["body"]) > _LIMIT:
            return _error(422, "Validation Failed", [{"message": f"body is too long (maximum is {_LIMIT} characters)"}])
        self.state["comments"].append({"id": self.number(), "author": ME, "body": body["body"]})
        return Reply(201, {})

    def _edit_line(self, body: Any, number: str) -> Reply:
        return self._change("threads", number, body)

    def _edit(self, body: Any, number: str) -> Reply:
        return self._change("comments", number, body)

    def _change(self, kind: str, number: str, body: Any) -> Reply:
        for item in self.state[kind]:
            if item["id"] == int(number):
                if item["author"] == OTHER:
                    return _error(403, "Must have admin rights to Repository.")
                item["body"] = body["body"]
                return Reply(200, {})
        return _error(404, "Not Found")

    def _graphql(self, body: Any) -> Reply:
        text, values = body["query"], body["variables"]
        if "resolveReviewThread" in text:
            if not self.config.get("contents_write"):
                problem = {"type": "FORBIDDEN", "message": "Resource not accessible by integration"}
                return Reply(200, {"data": {"resolveReviewThread": None}, "errors": [problem]})
            for thread in self.state["threads"]:
                if f"T{thread['id']}" == values["thread"]:
                    thread["resolved"] = True
            return Reply(200, {"data": {"resolveReviewThread": {"thread": {"isResolved": True}}}})
        if (values["owner"], values["name"], values["number"]) != ("o", "r", 7):
            problem = {"type": "NOT_FOUND", "message": "Could not resolve to a Repository with the name 'x/y'."}
            return Reply(200, {"data": {"repository": None}, "errors": [problem]})
        name = "reviewThreads" if "reviewThreads" in text else "comments"
        items = self.state["threads" if name == "reviewThreads" else "comments"]
        start = int(values["after"] or 0)
        size = min(100, self.config["page_size"])
        nodes = [self._node(name, item) for item in items[start : start + size]]
        page = {"hasNextPage": start + size < len(items), "endCursor": str(start + size)}
        pull = {"headRefOid": self.head, name: {"nodes": nodes, "pageInfo": page}}
        return Reply(200, {"data": {"repository": {"pullRequest": pull}}})

    def _node(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        anchor = "discussion_r" if name == "reviewThreads" else "issuecomment-"
        comment = {
            "id": f"C{item['id']}",
            "url": f"{self.origin}/o/r/pull/7#{anchor}{item['id']}",
            "body": item["body"],
            "viewerDidAuthor": item["author"] == ME,
        }
        if name == "comments":
            return comment
        return {"id": f"T{item['id']}", "path": item["path"], "comments": {"nodes": [comment]}}


def _error(status: int, message: str, errors: list[Any] | None = None) -> Reply:
    body: dict[str, Any] = {"message": message, "documentation_url": _DOCS, "status": str(status)}
    return Reply(status, body | ({"errors": errors} if errors else {}))
