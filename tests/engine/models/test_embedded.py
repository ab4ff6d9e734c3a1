"""Embedded models are fetched from a package index or from the hub, as data, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from reviewer.engine.install.indexes import IndexSettings
from reviewer.engine.models import embedded, embedded_file, wheels
from reviewer.engine.models.embedded import EmbeddedModel, Wheel
from reviewer.engine.models.embedded_file import fetch
from reviewer.errors import ModelSourceError
from reviewer.terminal.progress import SILENT
from tests.engine import fake_hub
from tests.engine.models import fake_index
from tests.engine.models.fake_index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PARTS = [random.Random(seed).randbytes(40_000) for seed in range(6)]
_WHOLE = b"".join(_PARTS)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Index]:
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    with fake_index.serve(Index()) as served:
        monkeypatch.setenv("PIP_INDEX_URL", f"{served.url}/simple/")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("UV_CACHE_DIR", str(home / "uv"))
        yield served


def _published(index: Index, **changes: object) -> EmbeddedModel:
    carried = tuple(index.add(f"some-model-part{n}", data) for n, data in enumerate(_PARTS, 1))
    digest = hashlib.sha256(_WHOLE).hexdigest()
    facts = {"id": "some", "alias": "s", "licence": "MIT", "file": "some.gguf", "bytes": len(_WHOLE), "sha256": digest}
    return EmbeddedModel(**{**facts, "wheels": carried, **changes})


class _Heard:
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.amounts: list[tuple[float, float | None, str]] = []

    def step(self, message: str) -> None:
        self.steps.append(message)

    def advance(self, done: float, total: float | None, unit: str = "") -> None:
        self.amounts.append((done, total, unit))


def test_parts_are_joined_in_order_and_nothing_else_stays(index: Index, tmp_path: Path) -> None:
    heard = _Heard()
    file = fetch(_published(index), tmp_path, heard)
    assert file.read_bytes() == _WHOLE
    assert list(tmp_path.iterdir()) == [file]
    total = sum(len(data) for data in index.wheels.values())
    assert heard.amounts[-1] == (total, total, "B")
    assert [name for name, _ in index.fetched] != []


def test_the_file_that_is_there_is_not_fetched_again(index: Index, tmp_path: Path) -> None:
    model = _published(index)
    fetch(model, tmp_path, SILENT)
    index.fetched.clear()
    fetch(model, tmp_path, SILENT)
    assert index.fetched == []


def test_a_broken_connection_is_continued(index: Index, tmp_path: Path) -> None:
    index.chunk = 30_000
    assert fetch(_published(index), tmp_path, SILENT).read_bytes() == _WHOLE
    assert {wanted for _, wanted in index.fetched} >= {None, "bytes=30000-"}


def test_what_an_interrupted_run_had_is_kept(index: Index, tmp_path: Path) -> None:
    model = _published(index)
    lost = "some_model_part6-1.0-py3-none-any.whl"
    index.lie.add(lost)
    with pytest.raises(ModelSourceError, match=r"some-model-part6 1\.0 has the SHA-256"):
        fetch(model, tmp_path, SILENT)
    assert not (tmp_path / model.file).exists()
    index.lie.clear()
    index.fetched.clear()
    assert fetch(model, tmp_path, SILENT).read_bytes() == _WHOLE
    assert lost in {name for name, _ in index.fetched}
    assert "some_model_part1-1.0-py3-none-any.whl" not in {name for name, _ in index.fetched}
    assert [path.name for path in tmp_path.iterdir()] == [model.file]


def test_an_interruption_stops_all_downloads(index: Index, tmp_path: Path) -> None:
    class Impatient(_Heard):
        def advance(self, done: float, total: float | None, unit: str = "") -> None:
            raise KeyboardInterrupt

    model = _published(index)
    with pytest.raises(KeyboardInterrupt):
        fetch(model, tmp_path, Impatient())
    assert not list(tmp_path.glob("**/*.new"))
    assert fetch(model, tmp_path, SILENT).read_bytes() == _WHOLE


def test_a_wheel_that_does_not_end_is_cut_off(index: Index, tmp_path: Path) -> None:
    model = _published(index)
    index.grow.add("some_model_part2-1.0-py3-none-any.whl")
    with pytest.raises(ModelSourceError, match="larger than the pinned wheel"):
        fetch(model, tmp_path, SILENT)
    index.grow.clear()
    assert fetch(model, tmp_path, SILENT).read_bytes() == _WHOLE


def test_a_whole_of_other_contents_is_refused_and_removed(index: Index, tmp_path: Path) -> None:
    with pytest.raises(ModelSourceError, match="not the pinned 0000"):
        fetch(_published(index, sha256="0" * 64), tmp_path, SILENT)
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_lacks_a_part_is_reported(index: Index, tmp_path: Path) -> None:
    model = _published(index)
    del index.wheels["some_model_part3-1.0-py3-none-any.whl"]
    with pytest.raises(ModelSourceError, match="some-model-part3"):
        fetch(model, tmp_path, SILENT)


def test_an_index_with_another_file_of_that_version_is_refused_before_the_download(
    index: Index, tmp_path: Path
) -> None:
    model = _published(index)
    index.add("some-model-part2", b"something else")
    with pytest.raises(ModelSourceError, match="other files than the pinned ones: some-model-part2"):
        fetch(model, tmp_path, SILENT)
    assert index.fetched == []


def test_a_folder_of_wheels_is_a_source(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _published(index)
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    for name, data in index.wheels.items():
        (folder / name).write_bytes(data)
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    assert fetch(model, tmp_path / "out", SILENT).read_bytes() == _WHOLE
    assert len(list(folder.iterdir())) == len(_PARTS)


def test_a_full_disk_is_reported_before_the_download(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviewer.engine.models.embedded_file.disk.free_bytes", lambda folder: 1000)
    with pytest.raises(ModelSourceError, match="disk space"):
        fetch(_published(index), tmp_path, SILENT)
    assert index.fetched == []


def test_the_origin_comes_first(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_hub.serve(fake_hub.Hub({"some.gguf": _WHOLE})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        model = _published(index, repository="owner/model", revision=fake_hub.COMMIT)
        assert fetch(model, tmp_path, SILENT).read_bytes() == _WHOLE
        assert [name for name, _ in hub.fetched] == ["some.gguf"]
    assert index.fetched == []
    assert [path.name for path in tmp_path.iterdir()] == ["some.gguf"]


@pytest.mark.parametrize("trouble", ["lies", "refuses", "offline"])
def test_without_the_origin_the_index_serves(
    trouble: str, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub.serve(fake_hub.Hub({"some.gguf": _WHOLE})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        if trouble == "lies":
            hub.lie.add("some.gguf")
        elif trouble == "refuses":
            hub.file_status = 403
        else:
            monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        model = _published(index, repository="owner/model", revision=fake_hub.COMMIT)
        assert fetch(model, tmp_path, SILENT).read_bytes() == _WHOLE
        assert len(hub.fetched) == (trouble == "lies")
    assert index.fetched
    assert [path.name for path in tmp_path.iterdir()] == ["some.gguf"]


def test_a_silent_origin_costs_two_seconds(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setattr(embedded_file, "_ORIGIN_PATIENCE", 0.2)
        model = _published(index, repository="owner/model", revision=fake_hub.COMMIT)
        assert fetch(model, tmp_path, SILENT).read_bytes() == _WHOLE


def _wheel(tmp_path: Path, files: dict[str, bytes]) -> Path:
    path = tmp_path / "x.whl"
    path.write_bytes(fake_index.build("x", files))
    return path


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"x/data/other.bin": b"12345"}, "has no x/data/part.bin"),
        ({"x/data/part.bin": b"123456"}, "another size"),
        ({"x/data/part.bin": b"1234"}, "another size"),
        ({"../x/data/part.bin": b"12345"}, "has no x/data/part.bin"),
    ],
)
def test_only_the_very_member_is_taken(files: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    pinned = Wheel("x", "1.0", 0, "", "x/data/part.bin", 5)
    with pytest.raises(ModelSourceError, match=reason):
        wheels.extract(_wheel(tmp_path, files), pinned, tmp_path / "out")


def test_a_member_that_unpacks_to_more_than_it_states_is_cut_off(tmp_path: Path) -> None:
    """A bomb: the directory states 5 bytes, the data unpack to a megabyte."""
    path = _wheel(tmp_path, {"x/data/part.bin": bytes(1 << 20)})
    stated, real = (5).to_bytes(4, "little"), (1 << 20).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(real, stated))
    out = tmp_path / "out"
    with pytest.raises(ModelSourceError):
        wheels.extract(path, Wheel("x", "1.0", 0, "", "x/data/part.bin", 5), out)
    assert out.stat().st_size <= 5


def test_a_damaged_wheel_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "x.whl"
    path.write_bytes(b"PK no zip")
    with pytest.raises(ModelSourceError, match="damaged"):
        wheels.extract(path, Wheel("x", "1.0", 0, "", "x/data/part.bin", 5), tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_than_that_of_wheels_is_refused(method: int, tmp_path: Path) -> None:
    """LZMA's header may ask for 4 GiB of memory."""
    path = tmp_path / "x.whl"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x/data/part.bin", b"12345")
    with pytest.raises(ModelSourceError, match="not compressed as wheels are"):
        wheels.extract(path, Wheel("x", "1.0", 0, "", "x/data/part.bin", 5), tmp_path / "out")


def test_wheels_that_are_damaged_anywhere_are_read_or_refused(tmp_path: Path) -> None:
    path, out, pinned = tmp_path / "x.whl", tmp_path / "out", Wheel("x", "1.0", 0, "", "x/data/part.bin", 1024)
    good, chance, refused = fake_index.build("x", {pinned.member: bytes(range(256)) * 4}), random.Random(1), 0
    for _ in range(1000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            wheels.extract(path, pinned, out)
        except ModelSourceError:
            refused += 1
        assert not out.exists() or out.stat().st_size <= 1024
    assert 500 < refused < 1000


def test_a_wheel_that_cannot_be_stored_is_not_called_damaged(tmp_path: Path) -> None:
    pinned = Wheel("x", "1.0", 0, "", "x/data/part.bin", 5)
    with pytest.raises(FileNotFoundError):
        wheels.extract(_wheel(tmp_path, {pinned.member: b"12345"}), pinned, tmp_path / "missing" / "out")


def test_passwords_go_to_the_index_they_belong_to() -> None:
    settings = IndexSettings({"UV_INDEX": "corp=https://me:secret@mirror.example/simple"}, (), custom=True)
    assert wheels.with_login("https://mirror.example/f/x.whl", settings) == "https://me:secret@mirror.example/f/x.whl"
    assert wheels.with_login("https://files.example/x.whl", settings) == "https://files.example/x.whl"
    assert wheels.with_login("http://mirror.example/x.whl", settings) == "http://mirror.example/x.whl"


def test_the_pins_are_complete() -> None:
    models = embedded.models()
    assert [model.alias for model in models] == ["1.5b", "0.5b", "135m"]
    for model in models:
        assert sum(wheel.member_bytes for wheel in model.wheels) == model.bytes
        assert len({wheel.sha256 for wheel in model.wheels}) == len(model.wheels)
        assert all(len(wheel.sha256) == 64 for wheel in model.wheels)
        assert len(model.sha256) == 64
        assert (model.repository is None) == (model.revision is None)
