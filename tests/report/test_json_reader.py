from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from reviewer.diff import Change, FileChange, FileStatus, Hunk
from reviewer.errors import UsageError
from reviewer.report import FORMATS
from reviewer.report.json_reader import read
from reviewer.report.json_report import render
from tests.report.samples import SAMPLES

if TYPE_CHECKING:
    from reviewer.finding import Review


def change_of(review: Review) -> Change:
    """A change whose hunks are the units' lines."""
    paths = dict.fromkeys(unit.path for unit in review.units)
    files = []
    for path in paths:
        hunks = tuple(Hunk(1, 1, 1, 1, "", unit.lines) for unit in review.units if unit.path == path)
        files.append(FileChange(path, FileStatus.MODIFIED, hunks=hunks))
    return Change(review.subject, tuple(files))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("form", ["text", "markdown", "github"])
def test_a_stored_review_reads_as_it_did(name: str, form: str) -> None:
    review, options = SAMPLES[name]
    back = read(json.loads(FORMATS["json"](review, options)), change_of(review))
    assert FORMATS[form](back, options) == FORMATS[form](review, options)


@pytest.mark.parametrize("name", SAMPLES)
def test_without_its_change_a_review_has_no_lines_and_loses_nothing_else(name: str) -> None:
    review, options = SAMPLES[name]
    document = json.loads(render(review, options))
    back = read(document)
    assert all(unit.lines == () for unit in back.units)
    again = json.loads(render(back, options))
    for one in (*document["findings"], *again["findings"]):
        del one["fingerprint"]  # of a line that may have been masked
        if one["suggestion"]:
            del one["suggestion"]["masked"]
    assert again == document


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += _paths(value, (*path, key))
    return found


@pytest.mark.parametrize("junk", [None, 7, "x", [], [7], {}])
def test_a_damaged_report_is_a_usage_error(junk: Any) -> None:
    review, options = next(SAMPLES[name] for name in SAMPLES if SAMPLES[name][0].shown)
    document = json.loads(render(review, options))
    for path in _paths(document):
        broken = copy.deepcopy(document)
        node = broken
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = junk
        with contextlib.suppress(UsageError):  # anything else would be an internal error
            FORMATS["text"](read(broken), dataclasses.replace(options, verdict=None))


@pytest.mark.parametrize("version", ["2.0", "", None, 1])
def test_another_major_version_is_refused(version: object) -> None:
    review, options = next(iter(SAMPLES.values()))
    document = {**json.loads(render(review, options)), "schema_version": version}
    with pytest.raises(UsageError, match=r"expected 1\.x"):
        read(document)
    assert read({**document, "schema_version": "1.9", "new": 1}).subject
