from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.errors import UsageError
from reviewer.evaluation.cases import load, sample
from tests.evaluation.samples import AFTER, BEFORE, PATH, bug, fix, patch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def toml_case(folder: Path, name: str = "one", *, tail: str = "", before: str = BEFORE, after: str = AFTER) -> None:
    body = f'language = "python"\nkind = "division"\n{tail}\n[[file]]\npath = "{PATH}"\n'
    folder.mkdir(exist_ok=True)
    text = f"{body}before = '''\n{before}'''\nafter = '''\n{after}'''\n"
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def labelled(folder: Path, *lines: str) -> None:
    toml_case(folder)
    with (folder / "one.toml").open("a", encoding="utf-8") as file:
        file.write(f"[[defect]]\nlines = {json.dumps(list(lines))}\n")


def test_a_label_quotes_a_changed_line(tmp_path: Path) -> None:
    labelled(tmp_path, "return total / len(values)")
    (case,) = load(tmp_path)
    assert case.defects == (frozenset({(PATH, 3)}),)
    assert case.texts == {PATH: AFTER}
    assert not case.clean
    assert case.anchors == {(PATH, 3)}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["total = sum(values)"], "0 changed lines"),  # stands there, and is not changed
        (["return 1"], "0 changed lines"),
    ],
)
def test_a_label_elsewhere_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    labelled(tmp_path, *lines)
    with pytest.raises(UsageError, match=said):
        load(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either defects or clean"),
        ({"tail": "clean = true", "after": BEFORE}, "nothing is changed"),
        ({"tail": "clean = "}, "Invalid value"),
    ],
)
def test_a_wrong_case_names_its_file(tmp_path: Path, options: dict[str, str], said: str) -> None:
    toml_case(tmp_path, **options)
    with pytest.raises(UsageError, match=said) as raised:
        load(tmp_path)
    assert "one.toml" in raised.value.message


def test_a_pair_of_diffs_gives_a_defect_and_a_clean_case(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    row = {"id": "p-1", "project": "p", "bug_introducing_diff": patch(), "fix_diff": patch(AFTER, BEFORE)}
    file.write_text(json.dumps(row) + "\n\n", encoding="utf-8")
    introduced, mended = load(file)
    assert (introduced.id, introduced.defects, introduced.group) == ("p-1/bug", (frozenset({(PATH, 3)}),), "p-1")
    assert (mended.id, mended.clean, mended.group) == ("p-1/fix", True, "p-1")
    assert introduced.texts == {}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "x", "diff": "no diff", "clean": True}, "no unified diff"),
        ({"id": "x", "diff": patch(), "defects": [{"path": PATH, "lines": [1]}]}, "not a changed line"),
        ({"id": "x", "diff": patch()}, "either defects or clean"),
        ({"diff": patch(), "clean": True}, "'id' is missing"),
        ([1], "not a JSON object"),
    ],
)
def test_a_wrong_row_names_its_line(tmp_path: Path, row: Any, said: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n" + json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=said) as raised:
        load(file)
    assert "line 2" in raised.value.message


def test_a_labelled_row_keeps_its_contents(tmp_path: Path) -> None:
    row: Mapping[str, Any] = {
        "id": "x",
        "diff": patch(),
        "files": {PATH: AFTER},
        "defects": [{"path": PATH, "lines": [3]}],
        "reference": "why",
    }
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(row), encoding="utf-8")
    (case,) = load(file)
    assert case.texts[PATH] == AFTER
    assert case.reference == "why"


@pytest.mark.parametrize("content", ["", "missing", "twice"])
def test_a_set_must_have_cases_each_named_once(tmp_path: Path, content: str) -> None:
    file = tmp_path / "rows.jsonl"
    if content != "missing":
        row = json.dumps({"id": "x", "diff": patch(), "clean": True}) + "\n"
        file.write_text(row * 2 if content == "twice" else "", encoding="utf-8")
    with pytest.raises(UsageError):
        load(file)


def test_a_sample_keeps_pairs_together_and_is_always_the_same() -> None:
    cases = [case for n in range(20) for case in (bug(f"b{n}", group=f"g{n}"), fix(f"f{n}", group=f"g{n}"))]
    chosen = sample(cases, 5)
    assert len(chosen) == 10
    assert {case.group for case in chosen if case.clean} == {case.group for case in chosen if not case.clean}
    assert sample(list(reversed(cases)), 5) == tuple(reversed(chosen))
    assert {case.id for case in sample(cases, 4)} < {case.id for case in chosen}


def test_the_digest_ignores_labels_and_sees_content() -> None:
    assert bug().digest == bug(defects=(), kind="other").digest
    assert bug().digest != fix().digest
