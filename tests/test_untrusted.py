from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reviewer import untrusted
from tests.command import reviewer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.repo import Repo

DEEP = 100_000
MANY_DIGITS = "9" * 5_000
HOSTILE = {
    "deep JSON": (untrusted.parse_json, "[" * DEEP),
    "closed deep JSON": (untrusted.parse_json, "[" * 500 + "]" * 500),
    "deep TOML": (untrusted.parse_toml, "a = " + "[" * DEEP),
    "deep TOML key": (untrusted.parse_toml, ".".join("a" * 500) + " = 1"),
    "deep YAML": (untrusted.parse_yaml, "[" * 5_000),
    "digits in JSON": (untrusted.parse_json, f"[{MANY_DIGITS}]"),
    "400 digits in JSON": (untrusted.parse_json, "9" * 400),
    "digits in TOML": (untrusted.parse_toml, f"a = {MANY_DIGITS}"),
    "hexadecimal in TOML": (untrusted.parse_toml, f"a = 0x{'F' * 5_000}"),
    "a hexadecimal key in YAML": (untrusted.parse_yaml, f"0x{'F' * 5_000}: 1"),
    "infinity": (untrusted.parse_json, "[1, Infinity]"),
    "a lone surrogate": (untrusted.parse_json, '"\\ud800"'),
    "a lone surrogate as a key": (untrusted.parse_json, '{"\\udfff": 1}'),
    "not UTF-8 in JSON": (untrusted.parse_json, b'"\xff"'),
    "not UTF-8 in TOML": (untrusted.parse_toml, b'a = "\xff"'),
    "a date that does not exist": (untrusted.parse_yaml, "2024-99-99"),
    "an unknown YAML type": (untrusted.parse_yaml, "!!python/object/apply:os.system [true]"),
    "aliases that multiply": (
        untrusted.parse_yaml,
        "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(30)
def test_hostile_data_is_one_error(name: str) -> None:
    parse, data = HOSTILE[name]
    with pytest.raises(untrusted.MalformedError) as caught:
        parse(data)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parse", "data", "value"),
    [
        (untrusted.parse_json, b'\xef\xbb\xbf{"a": [1, 2.5, null, "\xc3\xa9"]}', {"a": [1, 2.5, None, "é"]}),
        (untrusted.parse_json, '"caf\\udce9"', "caf\udce9"),  # an undecodable byte of a path
        (untrusted.parse_json, str(2**63), 2**63),
        (untrusted.parse_toml, "a = [1]\n[b]\nc = 'd'", {"a": [1], "b": {"c": "d"}}),
        (untrusted.parse_yaml, "a: [1, x]", {"a": [1, "x"]}),
        (untrusted.parse_yaml, "", None),
    ],
)
def test_ordinary_data(parse: Callable[[bytes | str], object], data: bytes | str, value: object) -> None:
    assert parse(data) == value


def test_files_are_bounded_and_regular(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert untrusted.read_file(file, 5) == b"12345"
    with pytest.raises(OSError, match="larger than"):
        untrusted.read_file(file, 4)
    with pytest.raises(OSError, match=r"not a regular file|Is a directory|Permission"):
        untrusted.read_file(tmp_path, 4)
    if os.name == "posix":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a regular file"):
            untrusted.read_file(tmp_path / "pipe", 4)


FILES: dict[str, tuple[str, bytes]] = {
    "deep settings": (".reviewer.toml", b"model = " + b"[" * DEEP),
    "digits in the settings": (".reviewer.toml", b"timeout = " + MANY_DIGITS.encode()),
    "hexadecimal in the settings": (".reviewer.toml", b"timeout = 0x" + b"F" * 5_000),
    "huge settings": (".reviewer.toml", b"#" * (2 << 20)),
    "deep pyproject": ("pyproject.toml", b"[tool.reviewer]\nmodel = " + b"[" * DEEP),
    "a deep baseline": (".reviewer/baseline.json", b"[" * DEEP),
    "digits in the baseline": (".reviewer/baseline.json", b'{"version": ' + MANY_DIGITS.encode() + b"}"),
    "a hexadecimal key of a rule": (".reviewer/rules/a.md", b"---\n0x" + b"F" * 1_500 + b": 1\n---\nText.\n"),
    "a deep rule": (".reviewer/rules/a.md", b"---\npaths: " + b"[" * 1_500 + b"\n---\nText.\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_files_of_a_repository_are_named(name: str, changed: Repo) -> None:
    path, content = FILES[name]
    changed.write({path: content})
    done = reviewer("review", "--no-model", cwd=changed.root, timeout=60)
    assert done.returncode == 2, done.stderr
    assert path in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")
def test_settings_that_are_a_pipe_or_a_device_do_not_hang(changed: Repo) -> None:
    settings = changed.root / ".reviewer.toml"
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        make(settings)
        done = reviewer("review", "--no-model", cwd=changed.root, timeout=60)
        assert done.returncode == 2
        assert "not a regular file" in done.stderr
        settings.unlink()
