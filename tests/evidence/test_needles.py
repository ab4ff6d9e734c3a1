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
        ({"regex": r"^http\.Get\("}, [{"http.Get("}]),
        ({"regex": "^https?:"}, [{"http"}]),
        ({"regex": "^abc|^def"}, [{"abc"}, {"def"}]),
        ({"regex": "^abc|^d"}, []),
        ({"regex": "^abc(d|e)"}, [{"abc"}]),
        ({"regex": r"^(std::)?(abc|def(ghi)?)\("}, [{"abc"}, {"def"}]),
        ({"regex": "(?s)^(?:abc|def).*(?P<last>ghi)$"}, [{"abc", "ghi"}, {"def", "ghi"}]),
        ({"regex": "(abc|def)*(ghi){0,2}(jkl|mn)"}, []),
        ({"regex": "|".join(f"word{number:02}" for number in range(60))}, []),
        ({"regex": "^abc(?i:def)ghi"}, [{"abc", "ghi"}]),
        ({"regex": "(?si)^abc"}, []),
        ({"regex": "(?i)^abc"}, []),
        ({"regex": r"^\w+\.forEach$"}, [{".forEach"}]),
        ({"regex": r"abcd?e[f-z|]ghi{2,10}jk+l"}, [{"abc"}]),
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


def test_a_rule_needs_what_the_rules_that_it_names_need() -> None:
    utils = {"made": {"any": [{"regex": "^open"}, {"matches": "other"}]}, "other": {"regex": "^dup2"}}
    assert needles.of({"kind": "call", "has": {"matches": "made"}}, utils) == (frozenset({"open"}), frozenset({"dup2"}))
    assert needles.of({"matches": "none"}, utils) == ()
    assert needles.of({"matches": "own"}, {"own": {"any": [{"regex": "abc"}, {"has": {"matches": "own"}}]}}) == ()
