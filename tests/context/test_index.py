"""The index of definitions: what is read, what is kept, what a review does when it cannot be had."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from reviewer.context.index import DefinitionIndex, default_path, eligible, tables
from reviewer.git import Repository
from tests.command import reviewer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repo import Repo

FILES: dict[str, str | bytes] = {
    "shop/tax.py": 'def rate(country):\n    """Percent."""\n    return lookup(country)\n',
    "shop/till.py": "class Till:\n    def rate(self):\n        return rate('de')\n",
    "web/app.ts": "export function rate(a: number) { return a; }\n",
    "README.md": "# rate\n",
}


def index_of(repo: Repo, *, staged: bool = True, path: Path | None = None) -> DefinitionIndex:
    repository = Repository.discover(repo.root)
    target = repository.target(None, staged=True) if staged else repository.target("HEAD", staged=False)
    return DefinitionIndex(repository, target, path)


def names(index: DefinitionIndex, *wanted: str) -> list[tuple[str, str, int]]:
    return [(one.path, one.name, one.line) for one in index.find(wanted)]


def test_definitions_and_callers_of_a_language(repo: Repo) -> None:
    repo.commit("first", FILES)
    index = index_of(repo, staged=False)
    assert index.prepare({"python"}) == 0
    assert names(index, "rate") == [("shop/tax.py", "rate", 1), ("shop/till.py", "Till.rate", 2)]
    assert index.find(["rate"])[0].text == str(FILES["shop/tax.py"]).rstrip()
    assert index.callers("rate") == ("shop/till.py",)
    assert index.text("shop/tax.py") == FILES["shop/tax.py"]
    assert index.find(["nothing"]) == ()


def test_other_languages_are_left_out(repo: Repo) -> None:
    repo.commit("first", FILES)
    index = index_of(repo)
    index.prepare({"script"})
    assert names(index, "rate") == [("web/app.ts", "rate", 1)]


def test_each_revision_has_its_own_definitions(repo: Repo) -> None:
    repo.commit("first", FILES)
    repo.stage({"shop/tax.py": "def percent(country):\n    return 19\n"})
    repo.write({"shop/tax.py": "def not_staged():\n    pass\n"})
    staged, head = index_of(repo), index_of(repo, staged=False)
    for index in (staged, head, staged):
        index.prepare({"python"})
    staged, head = index_of(repo), index_of(repo, staged=False)
    staged.prepare({"python"})
    head.prepare({"python"})
    assert names(staged, "rate", "percent", "not_staged") == [
        ("shop/tax.py", "percent", 1),
        ("shop/till.py", "Till.rate", 2),
    ]
    assert names(head, "rate", "percent") == [("shop/tax.py", "rate", 1), ("shop/till.py", "Till.rate", 2)]


def test_a_moved_file_is_not_read_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("first", FILES)
    index_of(repo).prepare({"python"})
    repo.git("mv", "shop/tax.py", "shop/vat.py")
    monkeypatch.setattr("reviewer.syntax.survey", lambda *_: pytest.fail("read again"))
    index = index_of(repo)
    index.prepare({"python"})
    assert names(index, "rate") == [("shop/till.py", "Till.rate", 2), ("shop/vat.py", "rate", 1)]


def test_one_blob_at_two_paths(repo: Repo) -> None:
    repo.commit("first", {"a.py": "def f(): pass\n", "b.py": "def f(): pass\n"})
    index = index_of(repo)
    index.prepare({"python"})
    assert names(index, "f") == [("a.py", "f", 1), ("b.py", "f", 1)]


def test_what_no_person_wrote_is_left_out(repo: Repo) -> None:
    repo.commit(
        "first",
        {
            "a.js": "function f() {}\n",
            "node_modules/x/a.js": "function f() { return 1 }\n",
            "a.min.js": "function f() { return 2 }\n",
            "one_line.js": "function f() { return 3 };" * 100,
            "large.js": "function f() { return 4 }\n" + "// x\n" * (eligible.MAX_BYTES // 5 + 1),
            "binary.js": b"function f() { return 5 }\0",
            "latin.js": "function f() { return '\u00e9' }\n".encode("latin-1"),
        },
    )
    index = index_of(repo)
    assert index.prepare({"script"}) == 0
    assert [path for path, _, _ in names(index, "f")] == ["a.js", "latin.js"]
    again = index_of(repo)
    assert again.prepare({"script"}) == 0, "what holds nothing is known to hold nothing"


def test_odd_paths_and_what_is_no_file(repo: Repo) -> None:
    repo.commit("first", {"a b/\u00fc.py": "def f(): pass\n", "c.py": "def g(): pass\n"})
    (repo.root / "link.py").symlink_to("c.py")
    repo.stage()
    index = index_of(repo)
    index.prepare({"python"})
    assert [path for path, _, _ in names(index, "f", "g")] == ["a b/\u00fc.py", "c.py"]


def test_out_of_time_the_nearest_files_are_read_first_and_the_rest_another_time(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit("first", {f"p{n}/a.py": f"def f{n}(): pass\n" for n in range(5)})
    clock = iter(range(1000))
    monkeypatch.setattr("reviewer.context.index.time.monotonic", lambda: next(clock))
    index = index_of(repo)
    left = index.prepare({"python"}, near=["p3/b.py"], seconds=4)
    assert 0 < left < 5
    assert names(index, "f3") == [("p3/a.py", "f3", 1)]
    monkeypatch.undo()
    index = index_of(repo)
    assert index.prepare({"python"}) == 0
    assert len(names(index, *(f"f{n}" for n in range(5)))) == 5


def test_no_commit_yet(repo: Repo) -> None:
    repo.stage({"a.py": "def f(): pass\n"})
    index = index_of(repo)
    assert index.prepare({"python"}) == 0
    assert names(index, "f") == [("a.py", "f", 1)]


def test_a_damaged_file_is_replaced(repo: Repo) -> None:
    repo.commit("first", FILES)
    default_path().parent.mkdir(parents=True)
    default_path().write_text("not a database\n" * 1000)
    index = index_of(repo)
    assert index.prepare({"python"}) == 0
    assert len(names(index, "rate")) == 2
    assert list(default_path().parent.glob("definitions.sqlite3.damaged-*"))


def test_a_changed_text_is_not_shown(repo: Repo) -> None:
    repo.commit("first", FILES)
    index_of(repo).prepare({"python"})
    with sqlite3.connect(default_path()) as connection:
        connection.execute("UPDATE definitions SET text = 'def rate(country): steal()'")
    index = index_of(repo)
    index.prepare({"python"})
    assert not any("steal" in one.text for one in index.find(["rate"]))


def test_where_there_can_be_no_file_nothing_is_known(repo: Repo, tmp_path: Path) -> None:
    repo.commit("first", FILES)
    (tmp_path / "file").write_text("")
    index = index_of(repo, path=tmp_path / "file" / "definitions.sqlite3")
    assert index.prepare({"python"}) == 2
    assert index.find(["rate"]) == ()
    assert index.callers("rate") == ()


def test_the_file_is_the_owners_alone(repo: Repo) -> None:
    repo.commit("first", FILES)
    index_of(repo).prepare({"python"})
    assert default_path().stat().st_mode & 0o077 == 0


def _prepare(root: Path, path: Path) -> None:
    repository = Repository.discover(root)
    DefinitionIndex(repository, repository.target(None, staged=True), path).prepare({"python"})


def test_many_processes_read_at_once(repo: Repo) -> None:
    repo.commit("first", {f"a{n}.py": f"def f{n}(): pass\n" for n in range(150)})
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_prepare, args=(repo.root, default_path())) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    index = index_of(repo)
    assert index.prepare({"python"}) == 0
    assert len(index.find([f"f{n}" for n in range(150)])) == 150


def test_old_blobs_leave_and_those_in_use_stay(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    tables.prepare(connection)
    row = tables.Row("f", "f", "function", 1, "def f(): pass")
    tables.add(connection, [tables.BlobFacts(f"python:{n}", (row,), frozenset(("g",))) for n in range(20)])
    known = tables.select(connection, ["python:0", "python:19", "python:99"])
    assert known == {"python:0", "python:19"}
    tables.trim(connection, keep=10)
    (count,) = connection.execute("SELECT count(*) FROM blobs").fetchone()
    assert count == 9
    assert [key for key, _ in tables.definitions(connection, ["f"], 100)] == ["python:0", "python:19"]
    assert tables.callers(connection, "g", 100) == ["python:0", "python:19"]
    connection.close()


def test_a_blob_that_is_missing_is_not_fetched(repo: Repo) -> None:
    repo.commit("first", FILES)
    blob = repo.git("rev-parse", "HEAD:shop/tax.py").decode().strip()
    (repo.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    index = index_of(repo)
    index.prepare({"python"})
    assert names(index, "rate") == [("shop/till.py", "Till.rate", 2)]
    assert index.text("shop/tax.py") == ""


def test_a_warm_index_answers_at_once(repo: Repo) -> None:
    repo.commit("first", {f"a{n}.py": f"def f{n}(): pass\n" for n in range(300)})
    index_of(repo).prepare({"python"})
    index = index_of(repo)
    began = time.perf_counter()
    index.prepare({"python"})
    index.find(["f1", "f2"])
    assert time.perf_counter() - began < 2


def test_what_is_forgotten_is_gone_from_the_disk(repo: Repo) -> None:
    repo.commit("first", FILES)
    first = index_of(repo)
    first.prepare({"python"})
    first.close()
    assert reviewer("cache", "clear", cwd=repo.root).returncode == 0
    left = b"".join(file.read_bytes() for file in default_path().parent.glob("definitions.sqlite3*"))
    assert b"lookup(country)" not in left
    assert index_of(repo).find(["rate"]) == ()
