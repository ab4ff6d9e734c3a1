from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from reviewer.applying import last
from reviewer.errors import UsageError
from reviewer.finding import (
    Category,
    Finding,
    Mark,
    Review,
    Severity,
    Source,
    SourceKind,
    Suggestion,
    UnitReview,
    UnitStatus,
)
from reviewer.git import Repository, Target, TargetKind
from reviewer.report import view
from reviewer.terminal.masking import mask
from tests.applying.samples import Fix, review

if TYPE_CHECKING:
    from tests.repo import Repo

SECRET = "password = 'c0rrect-horse!9'"


@pytest.fixture
def staged(repo: Repo) -> Repo:
    repo.commit("first", {"a.py": "x = 1\n"})
    repo.stage({"a.py": f"{SECRET}\ny = 1\n", "caf\u00e9 b.py": b"z = 1  # caf\xe9\r\n"})
    return repo


def test_a_review_comes_back_as_it_was_shown(staged: Repo) -> None:
    kept = review(
        staged, Fix("caf\u00e9 b.py", 1, 1, "z = 2"), Fix("a.py", 1, 1, SECRET + "  # old"), Fix("a.py", 2, 2, None)
    )
    assert [one.name.startswith(one.id) for one in kept.findings] == [True] * 3
    assert [one.finding.path for one in kept.findings] == ["a.py", "a.py", "caf\u00e9 b.py"]
    first, second, third = kept.findings
    assert first.finding.suggestion == Suggestion(1, 1, mask(SECRET) + "  # old", mask(SECRET))
    assert (first.masked, third.masked) == (True, False), "a suggestion with a secret is for display only"
    assert (first.language, kept.model) == ("python", "fake")
    assert first.blob == staged.git("rev-parse", ":a.py").decode().strip()
    assert third.blob == staged.git("rev-parse", ":caf\u00e9 b.py").decode().strip()
    assert (second.finding.suggestion, second.blob) == (None, "")
    assert (kept.kind, kept.head, kept.subject) == (TargetKind.STAGED, None, "staged changes")
    assert 0 <= kept.seconds_ago < 60


def test_ids_are_those_of_the_report(staged: Repo) -> None:
    def finding(line: int, severity: Severity, *marks: Mark) -> Finding:
        return Finding("a.py", line, severity, Category.BUG, f"{severity} {line}", marks=frozenset(marks))

    found = [
        finding(2, Severity.INFO),
        finding(1, Severity.INFO, Mark.ECHO),
        finding(2, Severity.ERROR),
        finding(1, Severity.WARNING),
    ]
    unit = UnitReview("a.py", 1, 2, "", "python", (), UnitStatus.READ, findings=tuple(found))
    made = Review("staged changes", (unit,))
    repository = Repository.discover(staged.root)
    assert last.keep(repository, repository.target(None, staged=True), made, lambda _: None)
    kept = {one.id: one.finding.message for one in last.load(repository.git_dir).findings}
    ids = view.ids(made)
    assert kept == {ids[id(one)]: one.message for one in found if one.shown}
    assert len(kept) == 3


def test_a_suggestion_that_was_not_shown_is_not_kept(staged: Repo) -> None:
    suggestion = Suggestion(1, 1, "(", SECRET, marks=frozenset({Mark.DOES_NOT_PARSE}))
    unit = UnitReview(
        "a.py", 1, 1, "", "python", (), UnitStatus.READ,
        findings=(Finding("a.py", 1, Severity.INFO, Category.BUG, "m", suggestion=suggestion),),
    )  # fmt: skip
    repository = Repository.discover(staged.root)
    last.keep(repository, repository.target(None, staged=True), Review("s", (unit,)), lambda _: None)
    assert last.load(repository.git_dir).findings[0].finding.suggestion is None


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_only_its_owner_reads_it_and_a_new_one_replaces_it(staged: Repo) -> None:
    path = staged.root / ".git" / "reviewer" / "last.json"
    review(staged, Fix("a.py", 1, 1, "x"))
    path.chmod(0o644)
    review(staged, Fix("a.py", 2, 2, "y = 2"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.finding.line for one in last.load(path.parents[1]).findings] == [2]
    assert [one.name for one in path.parent.iterdir()] == ["last.json"]


def test_each_working_tree_has_its_own(staged: Repo, tmp_path: object) -> None:
    review(staged, Fix("a.py", 1, 1, "x"))
    other = staged.root.parent / "other"
    staged.git("worktree", "add", "-q", str(other))
    with pytest.raises(UsageError, match="no review yet in this working tree"):
        last.load(Repository.discover(other).git_dir)


def test_a_patch_from_outside_can_be_dismissed_and_not_applied(staged: Repo) -> None:
    kept = review(staged, Fix("a.py", 1, 1, "x"), target=None)
    assert kept.findings[0].blob
    repository = Repository.discover(staged.root)
    unit = UnitReview(
        "a.py", 1, 1, "", "python", (), UnitStatus.READ,
        findings=(Finding("a.py", 1, Severity.INFO, Category.BUG, "m", suggestion=Suggestion(1, 1, "x", "y")),),
    )  # fmt: skip
    last.keep(repository, Target.of_patch("p.patch"), Review("p.patch", (unit,)), lambda _: "y\n")
    assert last.load(repository.git_dir).findings[0].blob == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no review yet in this working tree"),
        ("", "damaged"),
        ("[]", "damaged"),
        ('{"version": 3}', "another version"),
        ('{"version": 2}', "damaged"),
        (
            '{"version": 2, "made": "", "subject": "", "kind": "x", "head": null, "model": "", "findings": []}',
            "damaged",
        ),
    ],
)
def test_what_cannot_be_read_says_what_to_do(repo: Repo, content: str | None, said: str) -> None:
    folder = repo.root / ".git" / "reviewer"
    folder.mkdir()
    if content is not None:
        (folder / "last.json").write_text(content)
    with pytest.raises(UsageError, match=said) as problem:
        last.load(repo.root / ".git")
    assert problem.value.hint == "reviewer review"


def test_a_review_is_not_lost_where_it_cannot_be_kept(staged: Repo) -> None:
    repository = Repository.discover(staged.root)
    (staged.root / ".git" / "reviewer").write_text("a file in the way")
    assert not last.keep(repository, repository.target(None, staged=True), Review("s"), lambda _: None)


@pytest.mark.parametrize(
    ("names", "found"),
    [(["{0}"], [0]), (["[{1}]", "{0:.4}", "{1}"], [1, 0]), ([], []), (["{0}-"], [0])],
)
def test_find(staged: Repo, names: list[str], found: list[int]) -> None:
    kept = review(staged, Fix("a.py", 1, 1, "x"), Fix("a.py", 2, 2, "y = 2"))
    ids = [one.id for one in kept.findings]
    assert [one.id for one in kept.find(name.format(*ids) for name in names)] == [ids[number] for number in found]
    assert kept.find([kept.findings[1].finding.fingerprint.upper()])[0].id == ids[1]
    for unknown in ("fffff", ids[0][:3], f"{ids[0]}g", f"{ids[0]}-00000000", "", "r1"):
        message = rf"no finding {unknown} in the last review \(staged changes\)"
        with pytest.raises(UsageError, match=message) as problem:
            kept.find([ids[0], unknown])
        assert problem.value.hint == f"It has {ids[0]}, {ids[1]}."


def test_an_ambiguous_id_is_refused_with_the_choice(staged: Repo) -> None:
    kept = review(staged, Fix("a.py", 1, 1, "x"), Fix("a.py", 1, 1, "z"))
    one, other = (each.id for each in kept.findings)
    with pytest.raises(UsageError, match=f"{one[:5]} is ambiguous: {one} or {other}"):
        kept.find([one[:5]])


def test_a_finding_of_a_rule_keeps_its_fingerprint(staged: Repo) -> None:
    source = Source(SourceKind.TOOL, "ruff", "B006", "https://docs.example/B006")
    found = Finding("a.py", 2, Severity.INFO, Category.BUG, "m", "y = 1", sources=(source,))
    repository = Repository.discover(staged.root)
    made = Review("s", (UnitReview("a.py", 1, 2, "", "python", (), UnitStatus.READ, findings=(found,)),))
    last.keep(repository, repository.target(None, staged=True), made, lambda _: None)
    (kept,) = last.load(repository.git_dir).findings
    assert kept.finding.fingerprint == found.fingerprint


def test_what_is_kept_is_json_in_ascii(staged: Repo) -> None:
    review(staged, Fix("caf\u00e9 b.py", 1, 1, "z = 2\u202e  # caf\udce9"))
    data = (staged.root / ".git" / "reviewer" / "last.json").read_bytes()
    assert data.isascii()
    assert json.loads(data)["version"] == 2


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("made", "yesterday"),
        ("head", "--output=x"),
        ("findings.fingerprint", "r1"),
        ("findings.fingerprint", 1),
        ("findings.language", "nonsense"),
        ("findings.blob", "--textconv"),
        ("findings.line", float("inf")),
        ("findings.path", "\ud800"),
        ("findings.suggestion.replacement", "\ud800"),
        ("findings.suggestion.start", "1e999"),
        ("findings.suggestion.kind", "other"),
        ("findings.suggestion", [1]),
    ],
)
def test_a_forged_review_is_refused(staged: Repo, part: str, value: object) -> None:
    review(staged, Fix("a.py", 1, 1, "x"))
    file = staged.root / ".git" / "reviewer" / "last.json"
    document = json.loads(file.read_text())
    place = document
    *way, name = part.split(".")
    for step in way:
        place = place[step][0] if step == "findings" else place[step]
    place[name] = value
    file.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="damaged or from another version"):
        last.load(staged.root / ".git")
