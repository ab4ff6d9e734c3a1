"""GitLab's rules: "Discussions API", "Draft notes API" and "Notes API".

As in GitLab, a draft's position is not checked before it is published, and publishing takes all drafts of the account.
One that cannot be placed ends it with 500, after the ones before it have become notes and with all drafts still there.
"""

from __future__ import annotations

import re
from typing import Any

from tests.posting.fake_forge import ME, PREFIX, TOKEN, Api, Reply

_LIMIT = 1_000_000
_NO_LINE = '400 Bad request - Note {:line_code=>["can\'t be blank", "must be a valid line code"]}'


class Forge(Api):
    """A GitLab with one merge request, g/s/r!7 of project 42."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.state |= {"discussions": [], "drafts": []}

    def handle(self, method: str, path: str, query: dict[str, str], body: Any, headers: dict[str, str]) -> Reply:
        """Answer a request."""
        if headers.get("private-token") != TOKEN:
            return Reply(401, {"message": "401 Unauthorized"})
        if (method, path) == ("GET", f"{PREFIX['gitlab']}/user"):
            return Reply(200, {"id": ME, "username": "reviewer"})
        request = rf"{PREFIX['gitlab']}/projects/(?:42|g%2Fs%2Fr)/merge_requests/7"
        routes = (
            ("GET", "", lambda _: Reply(200, {"iid": 7, "sha": self.head, "diff_refs": self._refs()})),
            ("GET", "/discussions", lambda _: self.page(path, query, self.state["discussions"], 100)),
            ("GET", "/draft_notes", lambda _: self.page(path, query, self.state["drafts"], 100)),
            ("POST", "/draft_notes", self._draft),
            ("POST", "/draft_notes/bulk_publish", lambda _: self._publish()),
            ("DELETE", r"/draft_notes/(\d+)", self._drop),
            ("POST", "/discussions", self._discuss),
            ("PUT", r"/discussions/(\w+)", self._resolve),
            ("POST", "/notes", self._note),
            ("PUT", r"/notes/(\d+)", self._edit),
        )
        for verb, pattern, answer in routes:
            if method == verb and (match := re.fullmatch(request + pattern, path)):
                if method != "GET" and self.config.get("read_only"):
                    return Reply(403, {"message": "403 Forbidden"})
                return answer(body, *match.groups())
        return Reply(404, {"message": "404 Not found"})

    def _refs(self) -> dict[str, str]:
        return {
            "base_sha": self.base,
            "start_sha": self.git("rev-parse", self.config["base"]).strip(),
            "head_sha": self.head,
        }

    def _draft(self, body: Any) -> Reply:
        if problem := _malformed(body.get("note"), body.get("position")):
            return problem
        draft = {"id": self.number(), "author_id": ME, "note": body["note"], "position": body.get("position")}
        self.state["drafts"].append(draft)
        return Reply(201, draft)

    def _publish(self) -> Reply:
        for draft in self.state["drafts"]:
            if draft["position"] is not None and not self._fits(draft["position"]):
                return Reply(500, {"message": "500 Internal Server Error"})
            self._add(draft["note"], draft["position"], batch=True)
        self.state["drafts"] = []
        return Reply(204)

    def _drop(self, _: Any, number: str) -> Reply:
        self.state["drafts"] = [draft for draft in self.state["drafts"] if draft["id"] != int(number)]
        return Reply(204)

    def _discuss(self, body: Any) -> Reply:
        if problem := _malformed(body.get("body"), body.get("position")):
            return problem
        if not self._fits(body["position"]):
            return Reply(400, {"message": _NO_LINE})
        self._add(body["body"], body["position"], batch=False)
        return Reply(201, {})

    def _note(self, body: Any) -> Reply:
        if problem := _malformed(body.get("body"), None):
            return problem
        self._add(body["body"], None, batch=False)
        return Reply(201, {})

    def _fits(self, position: dict[str, Any]) -> bool:
        if {name: position[name] for name in ("base_sha", "start_sha", "head_sha")} != self._refs():
            return False
        if self.config.get("refuses") and position.get("new_line") == self.config["refuses"]:
            return False
        lines = self.diff().get(position.get("new_path", ""), [])
        known = {(line.old, line.new) for line in lines}
        # Both paths are needed, and exactly the numbers that the line has.
        return (
            position.get("old_path") == self.old_paths.get(position.get("new_path", ""))
            and (position.get("old_line"), position.get("new_line")) in known
        )

    def _add(self, body: str, position: dict[str, Any] | None, *, batch: bool) -> None:
        note = {
            "id": self.number(),
            "body": body,
            "author": {"id": ME},
            "position": position,
            "resolvable": position is not None,
            "resolved": False,
            "batch": batch,
        }
        self.state["discussions"].append(
            {"id": f"{self.number():040x}", "individual_note": position is None, "notes": [note]}
        )

    def _resolve(self, body: Any, name: str) -> Reply:
        if self.config.get("reporter"):
            return Reply(403, {"message": "403 Forbidden"})
        for discussion in self.state["discussions"]:
            if discussion["id"] == name and discussion["notes"][0]["resolvable"]:
                discussion["notes"][0]["resolved"] = body["resolved"]
                return Reply(200, discussion)
        return Reply(404, {"message": "404 Discussion Not Found"})

    def _edit(self, body: Any, number: str) -> Reply:
        for discussion in self.state["discussions"]:
            for note in discussion["notes"]:
                if note["id"] == int(number):
                    if note["author"]["id"] != ME:
                        return Reply(403, {"message": "403 Forbidden"})
                    note["body"] = body["body"]
                    return Reply(200, note)
        return Reply(404, {"message": "404 Note Not Found"})


def _malformed(text: Any, position: Any) -> Reply | None:
    if not isinstance(text, str) or not text:
        return Reply(400, {"error": "note is missing"})
    if len(text) > _LIMIT:
        return Reply(400, {"message": {"note": [f"is too long (maximum is {_LIMIT} characters)"]}})
    if position is not None:
        for name in ("base_sha", "start_sha", "head_sha", "position_type"):
            if not position.get(name):
                return Reply(400, {"error": f"position[{name}] is missing"})
    return None
