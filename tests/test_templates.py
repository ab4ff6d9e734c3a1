"""Templates: which one is used, the text of errors, and the limits on hostile ones."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from reviewer.errors import TemplateError
from reviewer.languages import LANGUAGES
from reviewer.templates import OVERRIDES, Templates, budget
from reviewer.templates.budget import MAX_OUTPUT
from reviewer.templates.sandbox import MAX_SOURCE

PYTHON = LANGUAGES["python"]


def review(overrides: dict[str, str] | None = None, rules: str = "") -> str:
    return Templates(overrides).render("review/python.j2", language=PYTHON, rules=rules)


def error(text: str, **values: object) -> str:
    with pytest.raises(TemplateError) as caught:
        Templates({"x.j2": text}).render("x.j2", **values)
    assert caught.value.hint
    return caught.value.message


# --- which one is used -----------------------------------------------------------------------------------------------


def test_a_pair_is_the_language_over_its_base() -> None:
    assert review().startswith("You review one change to Python code")
    assert "mutable default arguments" in review()


def test_a_language_override_wins_in_every_task() -> None:
    templates = Templates(
        {
            "languages/python.j2": "{% extends base %}"
            "{% block pitfalls %}OURS{% endblock %}{% block idiom %}I{% endblock %}"
        }
    )
    values = {"language": PYTHON, "rules": "", "question": None, "code": "", "before": "", "after": ""}
    for task in ("review", "explain", "complete"):
        text = templates.render(f"{task}/python.j2", **values)
        assert "OURS" in text
        assert "mutable default" not in text
    assert "OURS" not in templates.render("review/go.j2", **values | {"language": LANGUAGES["go"]})


def test_a_base_override_serves_every_language() -> None:
    templates = Templates({"base/review.j2": "Base {{ language.title }}: {% block pitfalls %}{% endblock %}"})
    assert templates.render("review/go.j2", language=LANGUAGES["go"], rules="").startswith("Base Go: an err ignored")


def test_a_pair_override_serves_that_pair_only() -> None:
    templates = Templates({"review/python.j2": "only"})
    assert templates.render("review/python.j2") == "only"
    assert "only" not in templates.render("explain/python.j2", language=PYTHON, question=None).split("\n")


def test_an_override_may_extend_the_packaged_one() -> None:
    text = review(
        {
            "languages/python.j2": '{% extends "packaged/languages/python.j2" %}'
            "{% block pitfalls %}{{ super() }}; our own pitfall{% endblock %}"
        }
    )
    assert "mutable default arguments" in text
    assert "our own pitfall" in text


def test_a_pair_override_may_extend_the_language() -> None:
    text = review({"review/python.j2": '{% extends "languages/python.j2" %}{% block idiom %}OURS{% endblock %}'})
    assert "mutable default arguments" in text
    assert "Fixes use: OURS" in text


def test_an_override_may_use_partials_macros_and_loops() -> None:
    overrides = {
        "base/review.j2": '{% from "ours/m.j2" import shout %}{% include "ours/p.j2" %} '
        "{% for part in 'a b'.split() %}{{ loop.index ~ part }}{% if not loop.last %}, {% endif %}{% endfor %} "
        "{{ shout(language.title) }} {{ 7 % 4 + 2 * 3 }} {{ ['x', 'y'] | map('upper') | join('-') }}"
        "{% for a, b in [(1, 'p'), (2, 'q')] %} {{ a }}{{ b }}{% endfor %}",
        "ours/m.j2": "{% macro shout(text) %}{{ text | upper }}{% endmacro %}",
        "ours/p.j2": "partial",
    }
    assert review(overrides) == "partial 1a, 2b PYTHON 9 X-Y 1p 2q"


def test_code_is_not_escaped() -> None:
    assert Templates({"x.j2": "{{ code }}"}).render("x.j2", code="a < b & 'c'") == "a < b & 'c'"


def test_values_are_data_and_never_templates() -> None:
    assert Templates({"x.j2": "{{ code }}"}).render("x.j2", code="{{ 1 + 1 }}{% raise %}") == "{{ 1 + 1 }}{% raise %}"


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a\n{% if %}", 2, "Expected an expression"),
        ("a\nb\n{{ nope }}", 3, "'nope' is undefined"),
        ("a\n{{ language.nope }}", 2, "has no attribute 'nope'"),
        ("\n\n{% endfor %}", 3, "endfor"),
        ("{{ 'x' | nofilter }}", 1, "No filter named 'nofilter'"),
        ("a\n{{ 1 // 0 }}", 2, "ZeroDivisionError"),
        ("a\n{{ 1 + 'x' }}", 2, "refused"),
        ("{% include 'none.j2' %}", 1, "there is no template none.j2"),
        ("a\n{% import 'none.j2' as m %}", 2, "there is no template none.j2"),
        ("{% extends 'base/none.j2' %}", 1, "there is no template base/none.j2"),
        ("a\n{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", 2, "recursive loop"),
        ("{% include 'y.j2' %}", 1, "there is no template y.j2"),
    ],
)
def test_an_error_names_file_and_line(text: str, place: int, reason: str) -> None:
    message = error(text, language=PYTHON)
    assert message.startswith(f"{OVERRIDES}/x.j2:{place}: ")
    assert reason in message


def test_an_error_in_a_partial_names_the_partial() -> None:
    templates = Templates({"x.j2": "{% include 'y.j2' %}", "y.j2": "\n{{ nope }}"})
    with pytest.raises(TemplateError, match=rf"^{OVERRIDES}/y\.j2:2: "):
        templates.render("x.j2")


def test_an_error_in_a_packaged_template_names_it() -> None:
    with pytest.raises(TemplateError, match=r"^prompts/base/review\.j2:\d+: 'language' is undefined"):
        Templates().render("review/python.j2", rules="")


def test_an_unknown_template_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"there is no template languages/cobol\.j2"):
        Templates().render("review/cobol.j2", language=PYTHON, rules="")


def test_check_finds_the_mistake_before_it_is_used() -> None:
    with pytest.raises(TemplateError, match=rf"^{OVERRIDES}/languages/ruby\.j2:2: "):
        Templates({"base/unit.j2": "fine", "languages/ruby.j2": "a\n{% block %}"}).check()
    Templates({"base/unit.j2": "fine {{ not_known_yet }}"}).check()


# --- what a hostile one can not do -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ (''|attr('__class__')) }}",
        "{{ language.__class__.__init__.__globals__ }}",
        "{{ helper.__globals__ }}",
        "{{ helper() }}",
        "{{ self.__init__ }}",
        "{{ lipsum() }}",
        "{{ cycler('a') }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s' % 1 }}",
        "{{ [].append(1) }}",
        "{{ range.__class__ }}",
        "{{ ['a'] | map(attribute='__class__') | join }}",
        "{% include '/etc/passwd' %}",
        "{% include '../pyproject.toml' %}",
        "{% include 'packaged/../../pyproject.toml' %}",
        "{% include 'base/../../reviewer/errors.j2' %}",
        "{% include 'C:/x.j2' %}",
        "{% include 'base\\\\review.j2' %}",
        "{% include 'base/shots.toml' %}",
        "{% import 'os' as os %}",
        "{% for x in _rounds %}{% endfor %}",
    ],
)
def test_nothing_outside_can_be_reached(text: str) -> None:
    assert error(text, language=PYTHON, helper=lambda: "secret").startswith(f"{OVERRIDES}/x.j2:1: ")


DOUBLING = "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(99) %}"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in lines %}{% for b in lines %}{% for c in lines %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in range(99999999) %}{% endfor %}",
        "{% for a in range(9999) %}{{ code }}{% endfor %}",
        "{{ 'a' * 999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ 'a'.rjust(999999999) }}",
        "{{ 'a' | center(999999999) }}",
        "{{ 'a' | indent(999999999) }}",
        DOUBLING + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        DOUBLING + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
        DOUBLING + "{% set ns.x = ns.x | replace('a', 'aa') %}{% endfor %}",
        DOUBLING + "{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}",
        DOUBLING + "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
        "{% set ns = namespace(x=9) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        "{% include 'x.j2' %}",
        "{% extends 'x.j2' %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        DOUBLING + "{% set ns.x = namespace(a=ns.x, b=ns.x) %}{% endfor %}{{ ns.x }}",
        "{% macro f(n) %}{{ f(n - 1, varargs, varargs) if n }}{% endmacro %}{{ f(99) }}",
        "{{ ([code] + [code] + [code]) | string }}",
        "{{ [code, code] }}",
        "{{ {'a': [code]} ~ '' }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{% if 1 %}" * 2000 + "{% endif %}" * 2000,
        "{% for a in lines %}" * 30 + "{% endfor %}" * 30,
        "{{ 5 | round(-1000000000) }}",
        "{{ 5 | round(1000000000, 'floor') }}",
        "{{ [5] | map('round', -1000000000) | first }}",
        "{{ code | replace('a', 'f') | int(0, 16) }}",
        "{{ code | list | sort }}",
        "{{ code.split('') | length or code.split('a') | sort | length }}",
        "{{ (code | list) is in [code] }}",
        "{{ range(9999) | select('in', code.split('a')) | list | length }}",
        "{% set x = code.split('a') %}{{ " + " or ".join(["'b' in x"] * 5000) + " }}",
        "{% set x = code %}{{ x" + "[::-1]" * 10_000 + " | nofilter }}",
    ],
)
def test_nothing_runs_or_grows_without_bound(text: str) -> None:
    began = time.monotonic()
    message = error(text, lines=tuple(range(500)), code="a" * 200_000)
    assert message.startswith(f"{OVERRIDES}/x.j2")
    assert time.monotonic() - began < budget.MAX_SECONDS + 5


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ 2.345 | round(2) }}", "2.35"),
        ("{{ 1234 | round(-2) }}", "1200"),
        ("{{ 2.5 | round(method='floor') }}", "2.0"),
        ("{{ '0x1f' | int(0, 16) + ('7' | int) }}", "38"),
        ("{{ 7 // 2 - 4 / 2 }}", "1.0"),
        ("{{ ('b' in 'abc') and 1 < 2 < 3 }}{{ 'abc'[::-1][0] }}", "Truec"),
        ("{{ [3, 1, 2] | sort | join('-') }} {{ range(5) | select('odd') | list | length }}", "1-2-3 2"),
    ],
)
def test_ordinary_expressions_work(text: str, rendered: str) -> None:
    assert Templates({"x.j2": text}).render("x.j2") == rendered


def test_few_long_steps_are_stopped_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_SECONDS", 0.1)
    text = "{% for i in range(9999) %}{% set x = code | upper | lower %}{% endfor %}"
    assert "more than 0.1 s" in error(text, code="a" * 1_000_000)


def test_a_long_template_is_refused() -> None:
    assert "longer than" in error("a" * (MAX_SOURCE + 1))


def test_a_large_prompt_still_renders() -> None:
    lines = tuple(SimpleNamespace(number=str(number), kind="+", text="x" * 80) for number in range(1, 10_001))
    text = Templates().render("base/unit.j2", path="a", scope="", marker="m", context="", lines=lines)
    assert 800_000 < len(text) < MAX_OUTPUT


def test_one_rendering_does_not_use_up_the_next() -> None:
    templates = Templates({"x.j2": "{% for a in range(9999) %}{% for b in range(15) %}{% endfor %}{% endfor %}ok"})
    assert [templates.render("x.j2") for _ in range(3)] == ["ok"] * 3
