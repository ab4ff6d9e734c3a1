"""Repositories of every kind, in every state that git leaves one in, drawn by a seeded generator."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.repo import AFTER, BEFORE, Repo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

_SCRIPT = "import os\n\n\ndef run(line):\n    return os.system(line)\n\n\ndef load(text):\n    return eval(text)\n"
_APP = (
    "export function total(items) {\n  let sum = 0;\n  for (const one of items) sum += one.price;\n  return sum;\n}\n"
)
_LINES = "".join(f"value_{number} = {number}\n" for number in range(60))
_SPLIT = "value_10 = None\n"
# A program that the user's configuration names: git runs it, a review must not.
_PROGRAM = "#!/bin/sh\necho ran >> '{trace}'\nexit 0\n"


class Unsupported(Exception):  # noqa: N818 - a fact about this machine's git
    """This version of git has no such repository."""


@dataclass
class Scene:
    """A repository in some state.

    Attributes:
        top: The folder that holds everything: the repository, and what it was cloned from.
        repo: Where commands run.
        trace: A file that hooks and configured programs write to when they run.
    """

    top: Path
    repo: Repo
    trace: Path

    def program(self, name: str) -> str:
        """Make an executable that leaves a trace."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_PROGRAM.format(trace=self.trace), encoding="utf-8")
        path.chmod(0o755)
        return str(path)


def _filled(root: Path, *options: str) -> Repo:
    repo = Repo.init(root, *options)
    repo.commit("first", {"stats.py": BEFORE, "src/app.js": _APP, "values.py": _LINES, ".gitignore": "*.log\n"})
    repo.commit("second", {"src/run.py": "import os\n", "README.md": "# Title\n"})
    repo.git("tag", "v1")
    return repo


def _plain(top: Path) -> Repo:
    return _filled(top / "repo")


def _sha256(top: Path) -> Repo:
    return _filled(top / "repo", "--object-format=sha256")


def _reftable(top: Path) -> Repo:
    try:
        return _filled(top / "repo", "--ref-format=reftable")
    except AssertionError as problem:
        raise Unsupported("reftable") from problem


def _worktree(top: Path) -> Repo:
    main = _filled(top / "main")
    main.git("worktree", "add", "-q", "-b", "side", str(top / "repo"))
    return Repo(top / "repo")


def _separate(top: Path) -> Repo:
    return _filled(top / "repo", f"--separate-git-dir={top / 'elsewhere.git'}")


def _submodule(top: Path) -> Repo:
    library = _filled(top / "library")
    repo = _filled(top / "repo")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.root), "lib")
    repo.commit("submodule")
    inner = Repo(repo.root / "lib")
    inner.commit("inside", {"stats.py": AFTER})
    return repo


def _inside_submodule(top: Path) -> Repo:
    return Repo(_submodule(top).root / "lib")


def _sparse(top: Path) -> Repo:
    repo = _filled(top / "repo")
    repo.git("sparse-checkout", "set", "--cone", "src")
    return repo


def _split_index(top: Path) -> Repo:
    repo = _filled(top / "repo")
    repo.git("config", "core.splitIndex", "true")
    repo.git("update-index", "--split-index", "--untracked-cache")
    return repo


def _shallow(top: Path) -> Repo:
    origin = _filled(top / "origin")
    repo = Repo(top / "repo")
    origin.git("clone", "-q", "--depth=1", origin.root.as_uri(), str(repo.root))
    return repo


def _partial(top: Path) -> Repo:
    origin = _filled(top / "origin")
    origin.git("config", "uploadpack.allowFilter", "true")
    repo = Repo(top / "repo")
    origin.git("clone", "-q", "--filter=blob:none", origin.root.as_uri(), str(repo.root))
    return repo


def _packed(top: Path) -> Repo:
    repo = _filled(top / "repo")
    repo.git("gc", "-q")
    return repo


def _unborn(top: Path) -> Repo:
    repo = Repo.init(top / "repo")
    repo.stage({"stats.py": BEFORE, "src/run.py": _SCRIPT})
    return repo


KINDS: dict[str, Callable[[Path], Repo]] = {
    "plain": _plain,
    "SHA-256": _sha256,
    "reftable": _reftable,
    "linked worktree": _worktree,
    "separate git folder": _separate,
    "with a submodule": _submodule,
    "inside a submodule": _inside_submodule,
    "sparse checkout": _sparse,
    "split index": _split_index,
    "shallow clone": _shallow,
    "partial clone": _partial,
    "packed": _packed,
    "no commit yet": _unborn,
}


def _try(scene: Scene, *args: str) -> None:
    """Run git where it may refuse, as in a state that does not allow it."""
    scene.repo.git(*args, check=False)


def _staged(scene: Scene) -> None:
    scene.repo.write({"src/run.py": _SCRIPT})
    _try(scene, "add", "--sparse", "src/run.py")


def _unguarded(scene: Scene) -> None:
    scene.repo.write({"stats.py": AFTER})
    _try(scene, "add", "--sparse", "stats.py")


def _partially(scene: Scene) -> None:
    staged = _LINES.replace("value_10 = 10\n", _SPLIT)
    scene.repo.write({"values.py": staged})
    _try(scene, "add", "--sparse", "values.py")
    scene.repo.write({"values.py": staged.replace("value_40 = 40", "value_40 = 1/0")})


def _intent_to_add(scene: Scene) -> None:
    scene.repo.write({"src/later.py": _SCRIPT})
    _try(scene, "add", "-N", "src/later.py")


def _untracked(scene: Scene) -> None:
    scene.repo.write({"notes.txt": "to do\n", "debug.log": "ignored\n"})


def _deleted(scene: Scene) -> None:
    _try(scene, "rm", "-q", "--cached", "README.md")


def _renamed(scene: Scene) -> None:
    _try(scene, "mv", "src/app.js", "src/cart.js")


def _mode(scene: Scene) -> None:
    _try(scene, "update-index", "--chmod=+x", "src/run.py")


def _link(scene: Scene) -> None:
    path = scene.repo.root / "src" / "link.py"
    path.parent.mkdir(exist_ok=True)
    if not os.path.lexists(path):
        path.symlink_to("../stats.py")
    _try(scene, "add", "--sparse", "src/link.py")


def _binary(scene: Scene) -> None:
    scene.repo.write({"src/logo.png": bytes(range(256)) * 8})
    _try(scene, "add", "--sparse", "src/logo.png")


def _odd_names(scene: Scene) -> None:
    odd = os.fsdecode(b"src/caf\xe9 \xff.py")
    scene.repo.write({odd: _SCRIPT.replace("\n", "\r\n"), 'src/quote" \\ tab\t.py': _SCRIPT})
    _try(scene, "add", "--sparse", "src")


def _attributes(scene: Scene) -> None:
    program = scene.program("filter")
    scene.repo.git("config", "filter.odd.clean", program)
    scene.repo.git("config", "filter.odd.smudge", program)
    scene.repo.git("config", "diff.odd.textconv", program)
    scene.repo.git("config", "diff.odd.command", program)
    scene.repo.write({".gitattributes": "stats.py diff=odd\n*.dat filter=odd\n*.js linguist-generated\n"})
    _try(scene, "add", "--sparse", ".gitattributes")


def _programs(scene: Scene) -> None:
    program = scene.program("program")
    for name in ("core.fsmonitor", "diff.external", "core.pager", "core.editor", "credential.helper"):
        scene.repo.git("config", name, program)


def _hooks(scene: Scene) -> None:
    folder = scene.top / "hooks"
    for name in ("pre-commit", "post-index-change", "reference-transaction", "post-checkout", "post-commit"):
        scene.program(f"hooks/{name}")
    scene.repo.git("config", "core.hooksPath", str(folder))


def _diverged(scene: Scene) -> None:
    """Two branches that change the same lines."""
    repo = scene.repo
    _try(scene, "stash", "push", "-q", "-u")
    _try(scene, "checkout", "-q", "-B", "theirs")
    repo.write({"stats.py": AFTER + "# theirs\n", "src/theirs.py": _SCRIPT})
    _try(scene, "add", "--sparse", "stats.py", "src/theirs.py")
    _try(scene, "commit", "-q", "--no-verify", "-m", "theirs")
    _try(scene, "checkout", "-q", "-B", "ours", "HEAD~1")
    repo.write({"stats.py": BEFORE.replace("else 0", "else None")})
    _try(scene, "add", "--sparse", "stats.py")
    _try(scene, "commit", "-q", "--no-verify", "-m", "ours")


def _merge(scene: Scene) -> None:
    _diverged(scene)
    _try(scene, "merge", "-q", "theirs")


def _merge_ready(scene: Scene) -> None:
    _diverged(scene)
    _try(scene, "merge", "-q", "--no-commit", "--no-ff", "-X", "theirs", "theirs")


def _rebase(scene: Scene) -> None:
    _diverged(scene)
    _try(scene, "rebase", "-q", "theirs")


def _cherry_pick(scene: Scene) -> None:
    _diverged(scene)
    _try(scene, "cherry-pick", "theirs")


def _revert(scene: Scene) -> None:
    _try(scene, "revert", "--no-commit", "HEAD")


def _detached(scene: Scene) -> None:
    _try(scene, "checkout", "-q", "--detach")


def _bisect(scene: Scene) -> None:
    _try(scene, "bisect", "start", "HEAD", "HEAD~1")


def _stash(scene: Scene) -> None:
    scene.repo.write({"values.py": _LINES + "stashed = 1\n"})
    _try(scene, "stash", "push", "-q")


def _hidden(scene: Scene) -> None:
    _try(scene, "update-index", "--skip-worktree", "values.py")
    _try(scene, "update-index", "--assume-unchanged", "README.md")
    scene.repo.write({"README.md": "# Changed unseen\n"})


def _orphan(scene: Scene) -> None:
    _try(scene, "checkout", "-q", "--orphan", "fresh")


def _index_damaged(scene: Scene) -> None:
    folder = scene.repo.git("rev-parse", "--absolute-git-dir").decode().strip()
    with (scene.top / folder / "index").open("r+b") as stream:
        stream.seek(20)
        stream.write(b"\xff\xff\xff\xff")


STEPS: dict[str, Callable[[Scene], None]] = {
    "staged": _staged,
    "guard dropped": _unguarded,
    "partially staged": _partially,
    "intent to add": _intent_to_add,
    "untracked": _untracked,
    "deleted": _deleted,
    "renamed": _renamed,
    "mode": _mode,
    "link": _link,
    "binary": _binary,
    "odd names": _odd_names,
    "attributes and filters": _attributes,
    "programs in the configuration": _programs,
    "hooks": _hooks,
    "conflict of a merge": _merge,
    "merge before its commit": _merge_ready,
    "conflict of a rebase": _rebase,
    "conflict of a cherry-pick": _cherry_pick,
    "revert before its commit": _revert,
    "detached": _detached,
    "bisect": _bisect,
    "stash": _stash,
    "skip-worktree": _hidden,
    "orphan branch": _orphan,
    "damaged index": _index_damaged,
}
_LAST = ("damaged index",)  # git itself refuses most things afterwards
_LOCKS = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "refs/notes/reviewer.lock")


def build(kind: str, steps: list[str], top: Path) -> Scene:
    """Make a repository of a kind and bring it into a state.

    Raises:
        Unsupported: This git has no such kind.
    """
    top.mkdir(parents=True)
    scene = Scene(top, KINDS[kind](top), top / "trace")
    for step in steps:
        STEPS[step](scene)
    scene.trace.unlink(missing_ok=True)  # git itself ran them
    return scene


def draw(random: Random) -> tuple[str, list[str]]:
    """Draw a kind of repository and the steps that bring it into its state."""
    kind = random.choice(list(KINDS))
    steps = random.sample(list(STEPS), random.randint(1, 5))
    return kind, sorted(steps, key=lambda step: step in _LAST)


def lock(scene: Scene, random: Random) -> str:
    """Leave a lock file, as a git process that is at work holds it."""
    folder = scene.repo.git("rev-parse", "--absolute-git-dir").decode().strip()
    name = random.choice(_LOCKS)
    path = scene.top / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return name
