"""A topic branch with findings of each severity, and a way to review it as a CI job does."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from reviewer.config import Settings
from reviewer.git import Repository
from reviewer.posting.destination import PullRequest
from reviewer.posting.poster import post
from reviewer.report import RenderOptions
from reviewer.review import review_change
from reviewer.selection.source import from_repository
from tests.posting.fake_forge import TOKEN

if TYPE_CHECKING:
    from reviewer.finding import Review
    from reviewer.posting.poster import Outcome
    from reviewer.selection.source import ChangeSource
    from tests.posting.fake_forge import FakeForge
    from tests.repo import Repo

KINDS = ("github", "gitlab", "gitea")
TOKENS = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN", "gitea": "GITEA_TOKEN"}

# 20 lines between the functions keep them in hunks of their own.
_APART = "\n" + "".join(f"# {number}\n" for number in range(20)) + "\n"

BEFORE: dict[str, str | bytes] = {
    "a.py": "def keep(items):\n    return list(items)\n" + _APART + "def names(x):\n    return x\n",
    "b.py": "def size(x):\n    return len(x)\n",
}
AFTER: dict[str, str | bytes] = {
    # B006 (warning, with a fix of several lines), F632 (error, with a fix) and F631 (error, without).
    "a.py": "def keep(items, seen=[]):\n    if items is 'all':\n        return seen\n    return list(items)\n"
    + _APART
    + "def names(x):\n    assert (x, 'no x')\n    return x\n",
    "b.py": "def size(x):\n    if not x:\n        raise NotImplemented\n    return len(x)\n",  # F901, with a fix
}
NEW = "def size(x):\n    return len(x) or {'a': 1, 'a': 2}\n"  # one finding goes, another comes


class Branch:
    """The branch, its review, and posting it in this process. Reviews of the same commit are made once."""

    _reviews: ClassVar[dict[str, tuple[ChangeSource, Review]]] = {}

    def __init__(self, repo: Repo) -> None:
        self.repo = repo

    def commit(self, **files: str) -> None:
        """Push another commit; names have an underscore for the dot."""
        self.repo.commit("more", {name.replace("_", "."): text for name, text in files.items()})

    def review(self, head: str = "topic") -> tuple[ChangeSource, Review, str, str]:
        """The change, its review, the merge base and the head."""
        repository = Repository.discover(self.repo.root)
        target = repository.merge_base_target(repository.resolve("main"), repository.resolve(head))
        assert target.base
        assert target.head
        if target.head not in self._reviews:
            source = from_repository(repository, target)
            result = asyncio.run(review_change(source, Settings(use_model=False)))
            self._reviews[target.head] = source, result
        return *self._reviews[target.head], target.base, target.head

    def post(self, forge: FakeForge, *, token: str = TOKEN, **options: Any) -> Outcome:
        """Review the branch and post the result."""
        source, result, base, head = self.review(options.pop("head", "topic"))
        pull = PullRequest.from_url(options.pop("url", forge.url))
        pull = dataclasses.replace(pull, job_token=options.pop("job_token", ""))
        rendering = RenderOptions()
        changes = options.pop("changes", {})
        result = dataclasses.replace(result, **changes)
        return post(result, source.change, (base, head), rendering, pull=pull, token=token, **options)


@pytest.fixture
def branch(repo: Repo) -> Branch:
    """A branch with four findings in two files, checked out."""
    repo.commit("first", dict(BEFORE))
    repo.git("switch", "-q", "-c", "topic")
    repo.commit("second", dict(AFTER))
    return Branch(repo)
