"""Reviews posted to forges that enforce the rules of the real ones."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.errors import EngineUnreachableError, PostingError
from reviewer.finding import UnitStatus
from reviewer.posting import marker
from reviewer.posting.poster import Outcome
from tests.posting.conftest import KINDS, NEW
from tests.posting.fake_forge import OTHER, TOKEN, FakeForge, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.posting.conftest import Branch

CODES = ["B006", "F631", "F632", "F901"]
POST_REVIEW = {
    "github": "POST .*/pulls/7/reviews ",
    "gitlab": "POST .*/draft_notes/bulk_publish ",
    "gitea": "POST .*/pulls/7/reviews ",
}


CLEAN = {"a_py": "A = 1\n", "b_py": "B = 1\n"}


@pytest.fixture(params=KINDS)
def forge(request: pytest.FixtureRequest, branch: Branch) -> Iterator[FakeForge]:
    with FakeForge(request.param, branch.repo.root, base="main", head="topic") as running:
        yield running


def on_lines(forge: FakeForge) -> list[tuple[str, int, str]]:
    """Path, line and text of every comment on a line."""
    state = forge.state
    match forge.kind:
        case "github":
            found = [(one["path"], one["line"], one["body"]) for one in state["threads"]]
        case "gitlab":
            notes = [one["notes"][0] for one in state["discussions"] if one["notes"][0]["position"]]
            found = [(note["position"]["new_path"], note["position"]["new_line"], note["body"]) for note in notes]
        case _:
            found = [(one["path"], one["position"], one["body"]) for one in state["lines"]]
    return sorted(found)


def summaries(forge: FakeForge) -> list[str]:
    """The text of every other comment of ours."""
    state = forge.state
    if forge.kind == "gitlab":
        return [one["notes"][0]["body"] for one in state["discussions"] if not one["notes"][0]["position"]]
    return [one["body"] for one in state["comments"] if one.get("author", 0) != OTHER]


def codes(comments: list[tuple[str, int, str]]) -> list[str]:
    found = [re.search(r"ruff ([A-Z]\d+)", text) for _, _, text in comments]
    return sorted(match[1] for match in found if match)


def is_write(request: dict[str, Any]) -> bool:
    """Whether a request would change something; GraphQL's queries do not."""
    return request["method"] != "GET" and "query(" not in json.dumps(request["body"])


def by_another(forge: FakeForge) -> dict[str, Any]:
    """The state with every comment written by another account."""
    state = forge.state
    if forge.kind == "github":
        return {name: [one | {"author": OTHER} for one in state[name]] for name in ("threads", "comments")}
    if forge.kind == "gitea":
        names = ("reviews", "lines", "comments")
        return {name: [one | {"user": {"id": OTHER}} for one in state[name]] for name in names}
    for one in state["discussions"]:
        one["notes"][0]["author"]["id"] = OTHER
    return {"discussions": state["discussions"]}


def is_gone(text: str) -> bool:
    found = marker.read(text)
    return found is not None and found.gone


def test_a_review_is_posted_at_once(forge: FakeForge, branch: Branch) -> None:
    assert branch.post(forge) == Outcome(new=4)
    comments = on_lines(forge)
    assert codes(comments) == CODES
    text = (branch.repo.root / "a.py").read_text().splitlines()
    assert {(path, line) for path, line, _ in comments} == {
        ("a.py", 1),
        ("a.py", 2),
        ("a.py", text.index("    assert (x, 'no x')") + 1),
        ("b.py", 3),
    }
    (summary,) = summaries(forge)
    assert "3 errors, 1 warning" in summary
    # One review, and one comment.
    assert len(forge.writes) == (1 + len(CODES) if forge.kind == "gitlab" else 1) + 1


def test_a_second_push_repeats_nothing(forge: FakeForge, branch: Branch) -> None:
    branch.post(forge)
    before = on_lines(forge)
    branch.commit(b_py=NEW)
    done = branch.post(forge)
    assert (done.new, done.kept, done.gone) == (1, 3, 1)
    comments = on_lines(forge)
    assert codes(comments) == sorted([*CODES, "F601"])
    assert ["F901" in text for _, _, text in comments if is_gone(text)] == [True]
    assert [one for one in comments if one[0] == "a.py"] == [one for one in before if one[0] == "a.py"]
    (summary,) = summaries(forge)
    found = marker.read(summary)
    assert found is not None
    assert found.head == branch.repo.head()


def test_the_same_review_again_changes_nothing(forge: FakeForge, branch: Branch) -> None:
    branch.post(forge)
    before = forge.state
    forge.forget_requests()
    assert branch.post(forge) == Outcome(kept=4)
    assert forge.writes == []
    assert forge.state == before


def test_a_finding_that_comes_back_is_posted_again(forge: FakeForge, branch: Branch) -> None:
    branch.post(forge)
    old = (branch.repo.root / "b.py").read_text()
    branch.commit(b_py=NEW)
    branch.post(forge)
    branch.commit(b_py=old)
    branch.post(forge)
    texts = [text for path, _, text in on_lines(forge) if path == "b.py"]
    assert sorted((is_gone(text), "F901" in text) for text in texts) == [(False, True), (True, False), (True, True)]


def test_nothing_is_posted_where_nothing_was_found(forge: FakeForge, branch: Branch) -> None:
    branch.commit(**CLEAN)
    assert branch.post(forge) == Outcome()
    assert forge.writes == []


def test_the_summary_says_when_everything_is_mended(forge: FakeForge, branch: Branch) -> None:
    branch.post(forge)
    branch.commit(**CLEAN)
    assert branch.post(forge).gone == 4
    (summary,) = summaries(forge)
    assert "F632" not in summary
    assert all(is_gone(text) for _, _, text in on_lines(forge))


@pytest.mark.parametrize("kind", KINDS)
def test_lists_have_pages(kind: str, branch: Branch) -> None:
    with FakeForge(kind, branch.repo.root, base="main", head="topic", page_size=1) as forge:
        branch.post(forge)
        assert branch.post(forge) == Outcome(kept=4)
        assert (len(on_lines(forge)), len(summaries(forge))) == (4, 1)


def test_a_dry_run_shows_what_would_be_sent(forge: FakeForge, branch: Branch) -> None:
    shown: list[tuple[str, str, object]] = []
    branch.post(forge, show=lambda *request: shown.append(request))
    assert forge.writes == []
    supposed: list[tuple[str, str, object]] = []
    branch.post(forge, show=lambda *request: supposed.append(request), token="")
    forge.forget_requests()
    branch.post(forge)
    sent = [(one["method"], forge.origin + one["path"], one["body"]) for one in forge.requests if is_write(one)]
    assert shown == supposed == sent


def test_nothing_is_posted_to_a_head_that_moved(forge: FakeForge, branch: Branch) -> None:
    branch.commit(b_py=NEW)
    assert branch.post(forge, head="topic~1") == Outcome(moved_to=branch.repo.head())
    assert forge.writes == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_a_lost_answer_does_not_post_twice(forge: FakeForge, branch: Branch, *, after: bool, cut: bool) -> None:
    forge.break_with(Fault(POST_REVIEW[forge.kind], status=502, after=after, cut=cut))
    assert branch.post(forge) == Outcome(new=4)
    assert codes(on_lines(forge)) == CODES
    assert len(summaries(forge)) == 1
    assert not forge.state.get("drafts")


def test_a_lost_answer_does_not_repeat_the_summary(forge: FakeForge, branch: Branch) -> None:
    route = {"gitlab": "/notes "}.get(forge.kind, "/issues/7/comments ")
    forge.break_with(Fault(f"POST .*{route}", status=504, after=True))
    branch.post(forge)
    assert len(summaries(forge)) == 1
    assert codes(on_lines(forge)) == CODES


def test_a_forge_that_stays_broken(forge: FakeForge, branch: Branch) -> None:
    forge.break_with(Fault("POST .*(reviews|draft_notes|discussions|comments|/notes) ", status=502, times=99))
    with pytest.raises(PostingError, match="502"):
        branch.post(forge)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("", 403, {"message": "You have exceeded a secondary rate limit."}, {"Retry-After": "1"}),
        Fault("", 429, {"message": "Too many requests"}, {"Retry-After": "1"}),
        Fault(
            "", 403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        ),
        Fault("", 429, {"message": "Too many requests"}),
    ],
)
def test_a_rate_limit_is_waited_for(fault: Fault, branch: Branch) -> None:
    with FakeForge("github", branch.repo.root, base="main", head="topic") as forge:
        fault.match = POST_REVIEW["github"]
        forge.break_with(fault)
        branch.post(forge)
        assert codes(on_lines(forge)) == CODES
        tries = [one["at"] for one in forge.requests if one["path"].endswith("/reviews")]
        assert len(tries) == 2
        assert tries[1] - tries[0] >= 0.9


def test_a_query_over_the_limit_is_repeated(branch: Branch) -> None:
    with FakeForge("github", branch.repo.root, base="main", head="topic") as forge:
        limited = {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        forge.break_with(Fault("POST /api/graphql", 200, limited, headers))
        assert branch.post(forge) == Outcome(new=4)


def test_a_long_rate_limit_is_an_error(forge: FakeForge, branch: Branch) -> None:
    forge.break_with(Fault(POST_REVIEW[forge.kind], 429, {"message": "slow down"}, {"Retry-After": "3600"}, times=99))
    with pytest.raises(PostingError, match="limits the rate") as failure:
        branch.post(forge)
    assert failure.value.hint == "run again in 60 min"


@pytest.mark.parametrize(("kind", "refuses"), [("github", "B006"), ("gitlab", 1), ("gitea", 1)])
def test_a_comment_that_is_refused_goes_into_the_summary(kind: str, refuses: object, branch: Branch) -> None:
    with FakeForge(kind, branch.repo.root, base="main", head="topic", refuses=refuses) as forge:
        assert branch.post(forge) == Outcome(new=3, noted=1)
        assert codes(on_lines(forge)) == ["F631", "F632", "F901"]
        (summary,) = summaries(forge)
        assert "B006" in summary
        assert "seen=[]" in summary  # in full, with the code
        assert not forge.state.get("drafts")
        assert [one for one in forge.state.get("reviews", []) if one.get("state") == "PENDING"] == []
        forge.forget_requests()
        assert branch.post(forge) == Outcome(kept=3, noted=1)
        assert forge.writes == []  # it is not tried again


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "does not accept the token"), (403, "is not allowed"), (404, "not found, or not visible")],
)
def test_what_the_token_lacks_is_said(forge: FakeForge, branch: Branch, status: int, said: str) -> None:
    forge.break_with(Fault(POST_REVIEW[forge.kind], status, {"message": f"no {TOKEN}"}, times=9))
    with pytest.raises(PostingError, match=said) as failure:
        branch.post(forge)
    needed = {"github": "pull-requests: write", "gitlab": "the scope api", "gitea": "write:issue"}[forge.kind]
    assert needed in str(failure.value)
    assert TOKEN not in str(failure.value)


def test_a_pull_request_that_is_not_there(forge: FakeForge, branch: Branch) -> None:
    missing = {"github": "/x/y/pull/8", "gitlab": "/x/y/-/merge_requests/8", "gitea": "/x/y/pulls/8"}[forge.kind]
    with pytest.raises(PostingError, match=r"cannot read x/y#8: Could not resolve|not found, or not visible"):
        branch.post(forge, url=forge.origin + missing)


def test_a_forge_that_does_not_answer(forge: FakeForge, branch: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reviewer.posting.http._PATIENCE", 0.5)
    with pytest.raises(PostingError, match="cannot connect"):
        branch.post(forge, url="http://127.0.0.1:1" + forge.url.removeprefix(forge.origin))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_does_not_carry_the_token_away(forge: FakeForge, branch: Branch, status: int) -> None:
    with FakeForge(forge.kind, branch.repo.root, base="main", head="topic") as thief:
        forge.break_with(Fault("", status, headers={"Location": f"{thief.origin}/"}, times=9))
        with pytest.raises(PostingError, match="redirects to"):
            branch.post(forge)
        assert thief.requests == []


def test_a_redirect_on_the_same_server_is_followed(branch: Branch) -> None:
    with FakeForge("gitea", branch.repo.root, base="main", head="topic") as forge:
        # A repository that was renamed.
        forge.break_with(
            Fault("GET /api/v1/repos/o/r/pulls/7 ", 307, headers={"Location": "/api/v1/repos/o/r/pulls/7"})
        )
        assert branch.post(forge) == Outcome(new=4)


def test_a_write_is_not_repeated_elsewhere(branch: Branch) -> None:
    with FakeForge("github", branch.repo.root, base="main", head="topic") as forge:
        forge.break_with(Fault(POST_REVIEW["github"], 301, headers={"Location": "/api/v3/repos/o/new/pulls/7/reviews"}))
        with pytest.raises(PostingError, match="has moved to"):
            branch.post(forge)


def test_a_redirect_in_circles_ends(branch: Branch) -> None:
    with FakeForge("gitea", branch.repo.root, base="main", head="topic") as forge:
        here = "/api/v1/repos/o/r/pulls/7"
        forge.break_with(Fault(f"GET {here} ", 302, headers={"Location": here}, times=99))
        with pytest.raises(PostingError, match="redirects more than 3 times"):
            branch.post(forge)


def test_markers_of_others_are_not_believed(forge: FakeForge, branch: Branch) -> None:
    branch.post(forge)
    forge.change(**by_another(forge))
    assert branch.post(forge) == Outcome(new=4)
    assert len(on_lines(forge)) == 8
    assert not any(is_gone(text) for _, _, text in on_lines(forge))


@pytest.mark.parametrize("incomplete", ["unavailable", "unread"])
def test_what_was_not_read_again_is_not_gone(forge: FakeForge, branch: Branch, incomplete: str) -> None:
    branch.post(forge)
    _, review, _, _ = branch.review()
    units = tuple(dataclasses.replace(unit, findings=()) for unit in review.units)
    if incomplete == "unavailable":
        changes = {"units": units, "unavailable": EngineUnreachableError("nothing answers")}
    else:
        units = tuple(
            dataclasses.replace(unit, status=UnitStatus.NOT_READ) if unit.path == "a.py" else unit for unit in units
        )
        changes = {"units": units}
    done = branch.post(forge, changes=changes)
    assert done.gone == (0 if incomplete == "unavailable" else 1)


def test_a_renamed_file_and_an_unchanged_line(branch: Branch) -> None:
    """GitLab needs both paths, and both numbers of a line that is only context."""
    branch.repo.git("mv", "a.py", "c.py")
    branch.commit()
    source, review, _, _ = branch.review()
    unit = next(one for one in review.units if one.path == "c.py" and len(one.findings) > 1)
    context = next(line for line in unit.lines if line.kind == " ")
    assert context.new is not None
    assert context.old != context.new
    moved = dataclasses.replace(unit.findings[0], line=context.new, suggestion=None)
    for kind in KINDS:
        with FakeForge(kind, branch.repo.root, base="main", head="topic") as forge:
            done = branch.post(forge, changes={"units": (dataclasses.replace(unit, findings=(moved,)),)})
            assert done == Outcome(new=1)
            assert [(path, line) for path, line, _ in on_lines(forge)] == [("c.py", context.new)]
    assert source.change.files


def test_a_line_outside_the_diff_is_only_in_the_summary(forge: FakeForge, branch: Branch) -> None:
    _, review, _, _ = branch.review()
    unit = review.units[0]
    far = dataclasses.replace(unit.findings[0], line=15, suggestion=None)
    done = branch.post(forge, changes={"units": (dataclasses.replace(unit, findings=(far,)),)})
    assert done == Outcome(noted=1)
    assert on_lines(forge) == []
    (summary,) = summaries(forge)
    assert "line 15" in summary


def test_more_findings_than_one_review_holds(branch: Branch) -> None:
    _, review, _, _ = branch.review()
    unit = review.units[0]
    many = tuple(dataclasses.replace(unit.findings[0], line_text=f"line {'x' * n}") for n in range(40))
    with FakeForge("github", branch.repo.root, base="main", head="topic") as forge:
        changes = {"units": (dataclasses.replace(unit, findings=many),)}
        assert branch.post(forge, changes=changes) == Outcome(new=30, noted=10)
        assert branch.post(forge, changes=changes) == Outcome(kept=30, noted=10)


# --- what only one forge has -----------------------------------------------------------------------------------------


def test_github_resolves_a_thread_where_the_token_may(branch: Branch) -> None:
    for allowed in (False, True):
        with FakeForge("github", branch.repo.root, base="main", head="topic", contents_write=allowed) as forge:
            branch.post(forge, head="topic")
            changes = {"units": ()}
            done = branch.post(forge, changes=changes)
            assert (done.gone, done.unresolved) == (4, 0 if allowed else 4)
            assert all(thread["resolved"] is allowed for thread in forge.state["threads"])
            assert all(is_gone(thread["body"]) for thread in forge.state["threads"])


def test_github_suggestions_replace_the_lines_of_the_comment(branch: Branch) -> None:
    with FakeForge("github", branch.repo.root, base="main", head="topic") as forge:
        branch.post(forge)
        (body,) = [one["body"] for one in forge.state["threads"] if "F632" in one["body"]]
        assert "```suggestion\n    if items == 'all':\n```" in body


def test_gitlab_suggestions_and_threads(branch: Branch) -> None:
    with FakeForge("gitlab", branch.repo.root, base="main", head="topic") as forge:
        branch.post(forge)
        notes = [one["notes"][0] for one in forge.state["discussions"]]
        (body,) = [note["body"] for note in notes if note["position"] and "F632" in note["body"]]
        assert "```suggestion:-0+0\n    if items == 'all':\n```" in body
        assert all(note["batch"] for note in notes if note["position"])
        branch.post(forge, changes={"units": ()})
        notes = [one["notes"][0] for one in forge.state["discussions"]]
        assert all(note["resolved"] for note in notes if note["position"])


def test_gitlab_lets_only_developers_resolve(branch: Branch) -> None:
    with FakeForge("gitlab", branch.repo.root, base="main", head="topic", reporter=True) as forge:
        branch.post(forge)
        done = branch.post(forge, changes={"units": ()})
        assert (done.gone, done.unresolved) == (4, 4)
        assert all(is_gone(text) for _, _, text in on_lines(forge))


def test_gitlab_drafts_of_an_earlier_run_and_of_others(branch: Branch) -> None:
    with FakeForge("gitlab", branch.repo.root, base="main", head="topic") as forge:
        ours = {"id": 1, "note": f"half\n{marker.Marker(key='0' * 16)}", "position": None}
        forge.change(drafts=[ours])
        branch.post(forge)
        assert forge.state["drafts"] == []
        assert not any("half" in text for text in summaries(forge))
    with FakeForge("gitlab", branch.repo.root, base="main", head="topic") as forge:
        theirs = {"id": 2, "note": "not ready yet", "position": None}
        forge.change(drafts=[theirs])
        assert branch.post(forge) == Outcome(new=4)
        assert forge.state["drafts"] == [theirs]  # still a draft
        assert not any("not ready" in text for text in summaries(forge))


def test_gitea_pending_reviews(branch: Branch) -> None:
    pending = {"id": 5, "state": "PENDING", "user": {"id": 7}, "body": ""}
    line = {"id": 6, "review": 5, "user": {"id": 7}, "path": "a.py", "position": 1, "original_position": 0}
    with FakeForge("gitea", branch.repo.root, base="main", head="topic") as forge:
        forge.change(reviews=[pending], lines=[line | {"body": f"half\n{marker.Marker(key='0' * 16)}"}])
        assert branch.post(forge) == Outcome(new=4)
        assert not any("half" in text for _, _, text in on_lines(forge))
    with FakeForge("gitea", branch.repo.root, base="main", head="topic") as forge:
        forge.change(reviews=[pending], lines=[line | {"body": "not ready yet"}])
        with pytest.raises(PostingError, match="pending review"):
            branch.post(forge)
        assert forge.state["reviews"] == [pending]


def test_forgejo_cannot_resolve(branch: Branch) -> None:
    with FakeForge("gitea", branch.repo.root, base="main", head="topic", forgejo=True) as forge:
        branch.post(forge)
        done = branch.post(forge, changes={"units": ()})
        assert (done.gone, done.unresolved) == (4, 4)
        assert all(is_gone(text) for _, _, text in on_lines(forge))


def test_the_token_of_a_gitea_job(branch: Branch) -> None:
    """It may not ask for its account."""
    with FakeForge("gitea", branch.repo.root, base="main", head="topic", job=True) as forge:
        assert branch.post(forge, job_token=TOKEN) == Outcome(new=4)
        assert branch.post(forge, job_token=TOKEN) == Outcome(kept=4)
