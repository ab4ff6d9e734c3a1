from __future__ import annotations

import pytest

from reviewer.prompting import borrowed
from reviewer.prompting.rules import MAX_CHARS, MAX_TOGETHER, Rule, holding

COPILOT = ".github/instructions/web.instructions.md"
CURSOR = ".cursor/rules/api/queries.mdc"
GITLAB = ".gitlab/duo/mr-review-instructions.yaml"
DUO = """\
instructions:
  - name: Ruby
    fileFilters:
      - "*.rb"
      - "lib/**/*.rake"
      - "!spec/**/*"
    instructions: |
      1. No monkey patches.
  - name: All
    instructions: Explain why.
  - name: Empty
  - 7
"""


def rules(path: str, text: str) -> list[Rule]:
    return list(borrowed.read({path: text})[0])


@pytest.mark.parametrize(
    ("path", "text", "yes", "no"),
    [
        ("AGENTS.md", "Use tabs.", ["a.py", "sub/b.go"], []),
        (
            "sub/AGENTS.md",
            "---\nnot front matter\n---\nUse tabs.",
            ["sub/b.go", "sub/deep/c.py"],
            ["a.py", "subway/a.py"],
        ),
        ("app/[id]/AGENTS.md", "Use tabs.", ["app/[id]/page.tsx"], ["app/i/page.tsx"]),
        (".github/copilot-instructions.md", "Use tabs.", ["a.py"], []),
        (COPILOT, '---\napplyTo: "**/*.ts,**/*.tsx"\n---\nUse hooks.', ["a.ts", "web/b.tsx"], ["a.py"]),
        (COPILOT, "---\napplyTo: '**'\n---\nUse hooks.", ["a.ts", "web/a.py"], []),
        (
            CURSOR,
            "---\nname: x: y\nglobs: *.sql, src/**/*.{py,pyi}\n---\nUse db.",
            ["q.sql", "src/a.pyi"],
            ["a.py"],
        ),
        (CURSOR, '---\nglobs: ["*.sql", "db/**"]\n---\nUse db.', ["q.sql", "db/x/y.py"], ["a.py"]),
        (
            CURSOR,
            "---\nglobs:\n  - '*.sql'\n  - /db/**\nalwaysApply: no\n---\nUse db.",
            ["q.sql", "db/y.py"],
            ["a.py"],
        ),
        (CURSOR, "---\nglobs:\nalwaysApply: true\n---\nUse db.", ["q.sql", "a.py"], []),
    ],
)
def test_which_files_a_rule_is_for(path: str, text: str, yes: list[str], no: list[str]) -> None:
    (rule,) = rules(path, text)
    assert rule.name == path
    assert [one for one in (*yes, *no) if rule.holds_for(one, "python")] == yes


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("AGENTS.md", "  \n"),
        (COPILOT, "No front matter, no files."),
        (COPILOT, "---\napplyTo: '**'\nexcludeAgent: 'code-review'\n---\nOnly for the coding agent."),
        (CURSOR, "---\ndescription: when asked\nglobs:\nalwaysApply: false\n---\nOn request."),
        (CURSOR, "---\nglobs: *.py\n---\n\n"),
        (GITLAB, "instructions: []"),
    ],
)
def test_what_is_no_rule_for_reviews(path: str, text: str) -> None:
    assert borrowed.read({path: text}) == ((), ())


def test_entries_for_gitlab() -> None:
    ruby, everything = rules(GITLAB, DUO)
    assert (ruby.name, ruby.text) == (f"{GITLAB} (Ruby)", "1. No monkey patches.")
    files = ["a.rb", "lib/x/b.rake", "spec/a.rb", "a.py"]
    assert [path for path in files if ruby.holds_for(path, "ruby")] == ["a.rb", "lib/x/b.rake"]
    assert all(everything.holds_for(path, "ruby") for path in files)


@pytest.mark.parametrize("text", ["instructions: {", "- a\n", "", "instructions: x", "a: !!python/object:os.system {}"])
def test_a_file_that_cannot_be_read_is_left_out_with_a_remark(text: str) -> None:
    found, (remark,) = borrowed.read({GITLAB: text, "AGENTS.md": "Use tabs."})
    assert [rule.name for rule in found] == ["AGENTS.md"]
    assert remark.startswith(f"{GITLAB} is not used: ")


def test_a_long_file_is_cut_at_a_paragraph() -> None:
    text = "\n\n".join(f"Rule {number}. " + "Explain it. " * 20 for number in range(40))
    (rule,), (remark,) = borrowed.read({"AGENTS.md": text})
    assert MAX_CHARS / 2 < len(rule.text) <= MAX_CHARS
    assert rule.text.endswith("Explain it.")
    assert "only its beginning is used" in remark


def test_borrowed_rules_take_the_room_that_own_ones_leave() -> None:
    own = tuple(Rule(f"own{number}", "x" * 1_900) for number in range(2))
    others = tuple(Rule(f"other{number}", "y" * 1_500, is_borrowed=True) for number in range(3))
    found = holding((*others, *own), "a.py", "python")
    assert [rule.name for rule in found] == ["own0", "own1", "other0"]
    assert sum(len(rule.text) for rule in found) <= MAX_TOGETHER


def test_patterns_do_not_multiply_without_end() -> None:
    found, (remark,) = borrowed.read({CURSOR: f"---\nglobs: {'{a,b}' * 12}.py\n---\nx"})
    assert (found, "too many alternatives" in remark) == ((), True)
