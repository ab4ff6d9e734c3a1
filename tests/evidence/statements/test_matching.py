"""What holds for all rules of SQL and Dockerfiles: their fixes are proven, and they take no quadratic time."""

from __future__ import annotations

import time

import pytest

from reviewer.evidence import Options, Side, parsing, recheck, statements
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind
from tests.evidence.samples import reviewed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CMD ['npm', 'start']", 'CMD ["npm", "start"]'),
        ("RUN export APP_HOME=/opt/bin", "ENV APP_HOME=/opt/bin"),
        ("RUN apt-get update && apt-get install curl", "RUN apt-get update && apt-get install -y curl"),
    ],
)
def test_a_fix_is_proven_by_the_rule_and_by_the_instructions_of_the_file(before: str, after: str) -> None:
    text = f"FROM debian\n{before}\n"
    found = recheck("Dockerfile", text, (Source(SourceKind.RULE, "built-in"),)) or ()
    fix = with_own_fix(found[0], text, "dockerfile", Options(), Side(dict.fromkeys)).suggestion
    assert fix is not None
    assert (fix.replacement, fix.proof.endswith("; parses; only these lines change")) == (after, True)


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        *(("a.sql", unit) for unit in ("/*", "'", "$a$", "$a", ";", "--", "SELECT a FROM t WHERE ", "a = NULL ")),
        *(("Dockerfile", unit) for unit in ("\n", " ", "\\\n", "<<a\n", " #", "ENV a=a ", "RUN $A_TOKEN ")),
        ("a.sql", f"SELECT a FROM t WHERE {' ' * 1900};"),
        ("Dockerfile", f"ENV {' ' * 1900}\n"),
        *(
            ("a.sql", unit)
            for unit in ("LEFT JOIN a ON ", "WHERE a AND ", "COUNT(*), ", "SELECT a INTO b FROM c;", "WHEN a > 1 ")
        ),
        *(
            ("a.sql", f"{unit * (1900 // len(unit))};")
            for unit in ("LEFT JOIN a ON b WHERE ", "SELECT COUNT(*), ", "(", "IN ('a' ")
        ),
        *(("Dockerfile", unit) for unit in ("FROM a\nCOPY . .\n", "USER a\nRUN $a\n", "RUN curl a \\\n", "COPY a ")),
    ],
)
def test_no_text_of_one_kind_takes_long(path: str, unit: str) -> None:
    file = reviewed(path, unit * (200_000 // len(unit)))
    began = time.process_time()
    list(statements.scan(file))
    parsing.new_errors(path, file.language.name, "", file.text)
    assert time.process_time() - began < 30
