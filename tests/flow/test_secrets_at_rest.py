"""No file of the reviewer, no git object that it makes and no request has a secret of the change in clear."""

from __future__ import annotations

import json
import random
import string
from typing import TYPE_CHECKING

import pytest

from reviewer.report import FORMATS
from tests.command import reviewer
from tests.fake_engine import FakeEngine, Rule, Script
from tests.flow.test_background import commit, settled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.repo import Repo

_RANDOM = random.Random(7)


def _key(length: int, letters: str = string.ascii_letters + string.digits) -> str:
    # A digit every few characters, as in keys; never a word.
    return "".join(_RANDOM.choice(string.digits if n % 5 == 4 else letters) for n in range(length))


_HEX = "0123456789abcdef"
_UPPER = string.ascii_uppercase + "234567"  # base 32
# By kind: the line of a Python file, with the secret for {}.
KEYS = {
    "aws id": ("AKIA" + "".join(_RANDOM.choice(_UPPER) for _ in range(16)), 'connect("{}")'),
    "aws secret": (_key(40), 'aws_secret_access_key = "{}"'),
    "github": ("ghp_" + _key(36), 'connect("{}")'),
    "gitlab": ("glpat-" + _key(20), 'connect("{}")'),
    "slack": ("xoxb-" + _key(12, string.digits) + "-" + _key(24), 'connect("{}")'),
    "stripe": ("sk_live_" + _key(24), 'connect("{}")'),
    "google": ("AIza" + _key(35), 'connect("{}")'),
    "openai": ("sk-proj-" + _key(40), 'connect("{}")'),
    "hugging face": ("hf_" + _key(34, string.ascii_letters), 'connect("{}")'),
    "npm": ("npm_" + _key(36), 'connect("{}")'),
    "anthropic": ("sk-ant-api03-" + _key(93) + "AA", 'connect("{}")'),
    "sendgrid": ("SG." + _key(22) + "." + _key(43), 'connect("{}")'),
    "twilio": ("SK" + _key(32, _HEX), 'connect("{}")'),
    "doppler": ("dp.pt." + _key(43), 'connect("{}")'),
    "pypi": ("pypi-AgEIcHlwaS5vcmc" + _key(60), 'connect("{}")'),
    "shopify": ("shpat_" + _key(32, _HEX), 'connect("{}")'),
    "digitalocean": ("dop_v1_" + _key(64, _HEX), 'connect("{}")'),
    "linear": ("lin_api_" + _key(40), 'connect("{}")'),
    "vault": ("hvs." + _key(90), 'connect("{}")'),
    "password": (_key(16), 'password = "{}"'),
    "api key": (_key(32, _HEX), 'api_key = "{}"'),
    "basic": (_key(24), 'headers["Authorization"] = "Basic {}"'),
    "url": (_key(16), 'connect("postgres://app:{}@db/x")'),
}


@pytest.fixture
def leaking(repo: Repo) -> Repo:
    repo.commit("first", {"a.py": "import client\n"})
    lines = [form.replace("{}", key) for key, form in KEYS.values()]
    # A fault on a line with a secret, so that a suggestion and a dismissal quote it.
    token = KEYS["github"][0]
    faulty = f'def load(seen=[], token="{token}"):\n    return seen, token\n'
    settings = f"password: {KEYS['password'][0]}\n"
    repo.stage({"a.py": "\n".join(["import client", *lines, faulty]), "settings.yml": settings})
    return repo


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    """A model that repeats every secret, whatever it is asked."""
    said = "Connects with " + ", ".join(key for key, _ in KEYS.values()) + "."
    replies = Rule(match="explain one change", text=said), Rule(text=said)
    with FakeEngine(Script(rules=list(replies)), tcp=True) as running:
        yield running


def in_clear(data: bytes) -> list[str]:
    return [kind for kind, (key, _) in KEYS.items() if key.encode() in data]


def objects(repo: Repo) -> dict[str, bytes]:
    """Every object of the repository by its id."""
    listed = repo.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split()
    return {name: repo.git("cat-file", "-p", name) for name in listed}


def stored(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_no_secret_is_stored_sent_or_printed(leaking: Repo, engine: FakeEngine, home: Path) -> None:
    env = {"REVIEWER_ENGINE_URL": engine.endpoint.url, "REVIEWER_MODEL_FINDINGS": "auto"}
    printed = {}

    def run(*args: str) -> str:
        done = reviewer(*args, cwd=leaking.root, env=env)
        printed[" ".join(args)] = done.stdout + done.stderr
        return done.stdout + done.stderr

    for form in FORMATS:
        run("review", "--format", form)
    run("review", "--output", "out.txt")
    run("explain", "a.py")
    run("apply")
    found = json.loads(reviewer("review", "--format", "json", cwd=leaking.root, env=env).stdout)["findings"]
    one = next(finding["id"] for finding in found if finding["id"])
    assert "dismissed" in run("dismiss", one, "--reason", f"known: {KEYS['github'][0]}")
    run("dismiss", "--list")
    run("install", "--background")
    before = set(objects(leaking))
    leaking.stage({"b.py": (leaking.root / "a.py").read_text()})
    commit(leaking, env)
    settled(leaking)
    assert "Connects with" in run("show", "HEAD")
    note = leaking.git("notes", "--ref=reviewer", "show", "HEAD")
    made = {name: data for name, data in objects(leaking).items() if name not in before}
    code = {name for name, data in made.items() if data == (leaking.root / "b.py").read_bytes()}
    sent = [request["prompt"] for request in engine.requests("/v1/chat/completions")]
    assert len(sent) > 3
    git = leaking.root / ".git"
    places = {
        **{f"output of {name}": text.encode() for name, text in printed.items()},
        **{f"request {number}": text.encode() for number, text in enumerate(sent)},
        **{f"object {name}": data for name, data in made.items() if name not in code},
        **{str(path): path.read_bytes() for path in stored(home)},
        **{str(path): path.read_bytes() for path in stored(git) if "objects" not in path.relative_to(git).parts},
        "the note": note,
        "out.txt": (leaking.root / "out.txt").read_bytes(),
    }
    assert [place for place, data in places.items() if in_clear(data)] == []
    private = [*stored(home / "reviewer"), *stored(git / "reviewer")]
    assert {path.name for path in private} >= {"answers.sqlite3", "last.json", "dismissed.jsonl"}
    modes = {str(path): oct(path.stat().st_mode) for path in private if path.stat().st_mode & 0o077}
    assert {path: mode for path, mode in modes.items() if not path.endswith(".lock")} == {}


def test_the_keys_are_of_many_kinds_and_would_be_noticed() -> None:
    assert len(KEYS) >= 20
    assert all(in_clear(form.replace("{}", key).encode()) == [kind] for kind, (key, form) in KEYS.items())
