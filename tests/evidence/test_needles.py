"""Which words a rule needs, and that none is asked for that a match may lack."""

from __future__ import annotations

from typing import Any

import pytest

from reviewer.evidence import needles


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        ({"kind": "call"}, []),
        ({"pattern": "asyncio.gather($ARGS)"}, [{"asyncio", "gather"}]),
        ({"pattern": "$A + $B"}, []),
        ({"pattern": {"context": "class A { f() }", "selector": "f"}}, []),
        ({"regex": r"^http\.Get\("}, [{"http.get("}]),
        ({"regex": "^https?:"}, [{"http"}]),
        ({"regex": "^abc|^def"}, [{"abc"}, {"def"}]),
        ({"regex": "^abc|d"}, []),
        ({"regex": r"^(open|read_(?:all|line))\("}, [{"open"}, {"read_", "all"}, {"read_", "line"}]),
        ({"regex": "(abc|def)?ghi(?P<name>jkl){2}(mno)*"}, [{"ghi", "jkl"}]),
        ({"regex": r"\u00e9abc\p{Lu}"}, [{"abc"}]),
        ({"regex": "(?x) abc # def"}, []),
        ({"regex": "^abc(d|e)"}, [{"abc"}]),
        ({"regex": "(?i)^ABC"}, [{"abc"}]),
        ({"regex": r"^\w+\.forEach$"}, [{".foreach"}]),
        ({"regex": r"abcd?e[f-z|]ghi{2,10}jk+l"}, [{"abc", "ghi"}]),
        ({"any": [{"pattern": "eval($A)"}, {"regex": "^exec"}]}, [{"eval"}, {"exec"}]),
        ({"any": [{"pattern": "eval($A)"}, {"kind": "call"}]}, []),
        ({"not": {"pattern": "eval($A)"}}, []),
        ({"kind": "call", "inside": {"regex": "^with", "stopBy": {"regex": "^def"}}}, [{"with"}]),
        (
            {"all": [{"pattern": "foo($A)"}, {"any": [{"regex": "^bar"}, {"regex": "^baz"}]}]},
            [{"foo", "bar"}, {"foo", "baz"}],
        ),
    ],
)
def test_needs(rule: dict[str, Any], needs: list[set[str]]) -> None:
    assert [set(one) for one in needles.of(rule)] == needs


def test_a_rule_needs_what_those_need_that_it_names() -> None:
    utils = {"call": {"regex": "^open"}, "loop": {"any": [{"matches": "loop"}, {"pattern": "while"}]}}
    assert needles.of({"all": [{"matches": "call"}, {"kind": "x"}]}, utils) == (frozenset({"open"}),)
    assert needles.of({"matches": "loop"}, utils) == ()
    assert needles.of({"matches": "call"}) == ()
