"""Rules for SQL and Dockerfiles: each finds its faulty examples and leaves right ones alone."""

from __future__ import annotations

import time

import pytest

from reviewer.evidence import Options, Side, recheck, statements
from reviewer.evidence.fixing import with_own_fix
from reviewer.finding import Source, SourceKind
from tests.evidence.samples import reviewed

FAULTY = [
    ("a.sql", "UPDATE users SET active = 0;\n", "sql-write-without-where", 1),
    ("a.sql", "SELECT 1;\n\nDELETE FROM users;\n", "sql-write-without-where", 3),
    ("a.sql", "SELECT * FROM t\nWHERE a = 1\nAND b = NULL;\n", "sql-null-compared", 3),
    ("a.sql", "SELECT * FROM t WHERE b <> NULL", "sql-null-compared", 1),
    ("a.sql", "SELECT * FROM t\nWHERE id NOT IN (SELECT owner_id FROM u);\n", "sql-not-in-subquery", 2),
    ("a.sql", "DELETE FROM t WHERE x NOT IN (\n SELECT DISTINCT u.owner FROM u)", "sql-not-in-subquery", 1),
    ("a.sql", "SELECT 1 FROM t WHERE created_at\n BETWEEN '2024-01-01' AND '2024-01-31';", "sql-last-day-cut", 2),
    ("a.sql", "SELECT 1 FROM t WHERE t.paid_at <= '2024-12-31'", "sql-last-day-cut", 1),
    ("Dockerfile", "FROM x\nARG NPM_TOKEN\nRUN npm ci\n", "dockerfile-secret-in-image", 2),
    ("Dockerfile", "FROM x\nENV DB_PASSWORD=hunter2\n", "dockerfile-secret-in-image", 2),
    ("Dockerfile", "FROM x\nCOPY --chown=a .npmrc /root/\n", "dockerfile-secret-file-copied", 2),
    ("Dockerfile", "FROM x\nCOPY id_rsa /root/.ssh/id_rsa\n", "dockerfile-secret-file-copied", 2),
    ("Dockerfile", "FROM x\nRUN echo $NPM_TOKEN > .npmrc\n", "dockerfile-secret-in-command", 2),
    ("Dockerfile", "FROM x\nRUN curl -H ${API_KEY} x\n", "dockerfile-secret-in-command", 2),
    ("a.sql", "SELECT * FROM t WHERE id NOT IN (1, NULL);", "sql-null-in-list", 1),
    ("a.sql", "SELECT CASE x\n WHEN 1 THEN 'a'\n WHEN NULL THEN 'b' END;", "sql-case-when-null", 3),
    ("a.sql", "DELETE FROM t WHERE s <> 'a' OR s <> 'b';", "sql-always-different", 1),
    ("a.sql", "SELECT * FROM t\nWHERE t.n = 1 AND t.n = 2;", "sql-never-both", 2),
    ("a.sql", "ALTER TABLE t ADD COLUMN n INT NOT NULL;", "sql-required-column-without-default", 1),
    ("a.sql", "SELECT * FROM a\nLEFT JOIN b\nWHERE a.id = 1;", "sql-join-without-condition", 2),
    ("Dockerfile", "FROM x\nCMD ['npm', 'start']\n", "dockerfile-command-in-single-quotes", 2),
    ("Dockerfile", "FROM x\nRUN cd /app\nRUN make\n", "dockerfile-directory-lost", 2),
    ("Dockerfile", "FROM x\nRUN export PATH=/opt/bin\n", "dockerfile-variable-lost", 2),
    ("Dockerfile", "FROM x\nRUN apt-get update \\\n && apt-get install curl\n", "dockerfile-install-asks", 3),
    ("Dockerfile", "FROM x\nRUN apt-get update\n", "dockerfile-stale-package-list", 2),
    ("Dockerfile", "FROM x\nEXPOSE 80 80000\n", "dockerfile-port-out-of-range", 2),
    ("Dockerfile", 'FROM x\nCMD ["serve", "$PORT"]\n', "dockerfile-variable-in-list", 2),
    ("Dockerfile", "FROM x\nENV A=1 B=$A\n", "dockerfile-variable-of-same-instruction", 2),
]
RIGHT = [
    ("a.sql", "SELECT * FROM t WHERE id NOT IN (1, 2) AND x IS NULL;"),
    ("a.sql", "SELECT CASE WHEN x IS NULL THEN 'b' END, NULL;"),
    ("a.sql", "SELECT CASE x WHEN 1 THEN NULL ELSE 2 END;"),
    ("a.sql", "DELETE FROM t WHERE s <> 'a' AND s <> 'b';"),
    ("a.sql", "SELECT * FROM t WHERE a.n = 1 AND b.n = 2;"),
    ("a.sql", "SELECT * FROM t WHERE n = 1 OR n = 2;"),
    ("a.sql", "UPDATE t SET a = 1 WHERE a = 2 AND b = 3 OR a = 4;"),
    ("a.sql", "ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 0;"),
    ("a.sql", "ALTER TABLE t ADD CONSTRAINT c CHECK (n IS NOT NULL);"),
    ("a.sql", "SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE a.id = 1;"),
    ("a.sql", "SELECT * FROM a NATURAL JOIN b WHERE a.id = 1;"),
    ("a.sql", "SELECT * FROM a INNER JOIN b USING (id) ORDER BY 1;"),
    ("Dockerfile", 'FROM x\nCMD ["npm", "start"]\n'),
    ("Dockerfile", "FROM x\nRUN cd /app && make\n"),
    ("Dockerfile", "FROM x\nRUN export A=1 && make\n"),
    ("Dockerfile", "FROM x\nRUN apt-get update && apt-get install -y --no-install-recommends curl\n"),
    ("Dockerfile", "FROM x\nRUN apt-get update && apt-get -qy install curl\n"),
    ("Dockerfile", "FROM x\nEXPOSE 8080/tcp 65535\n"),
    ("Dockerfile", 'FROM x\nCMD ["sh", "-c", "serve $PORT"]\nENTRYPOINT ["sh", "-c", "$CMD"]\n'),
    ("Dockerfile", "FROM x\nENV A=1\nENV B=$A\n"),
    ("a.sql", "UPDATE users SET active = 0 WHERE id = 1;"),
    ("a.sql", "UPDATE a SET x = b.x FROM b WHERE a.id = b.id;"),
    ("a.sql", "-- DELETE FROM users;\nINSERT INTO log VALUES ('DELETE FROM users;');"),
    ("a.sql", "DELETE FROM users WHERE id = 1;"),
    ("db/migrations/7.sql", "UPDATE users SET active = 1;"),
    ("a.sql", "CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION f();"),
    ("a.sql", "UPDATE t SET a = NULL WHERE b IS NULL;"),
    ("a.sql", "SELECT 'WHERE a', NULL FROM t WHERE b IS NOT NULL"),
    ("a.sql", "/* WHERE a = NULL */ SELECT 1;"),
    ("a.sql", "SELECT * FROM t WHERE id NOT IN (SELECT owner_id FROM u WHERE owner_id IS NOT NULL);"),
    ("a.sql", "SELECT * FROM t WHERE id NOT IN (SELECT id FROM u);"),
    ("a.sql", "SELECT * FROM t WHERE id NOT IN (1, 2);"),
    ("a.sql", "SELECT 1 FROM t WHERE birthday BETWEEN '2024-01-01' AND '2024-01-31';"),
    ("a.sql", "SELECT 1 FROM t WHERE created_at >= '2024-01-01' AND created_at < '2024-02-01';"),
    ("a.sql", "SELECT 1 FROM t WHERE created_at <= '2024-01-31 23:59:59';"),
    ("Dockerfile", "FROM x\nARG VERSION=1\nENV TOKENIZER=fast PASSWORD_FILE=/run/secrets/p\n"),
    ("Dockerfile", "FROM x\n# ENV API_KEY=1\nENV DB_PASSWORD_FILE=/run/secrets/db\n"),
    ("Dockerfile", "FROM x\nRUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci --token $NPM_TOKEN\n"),
    ("Dockerfile", "FROM x\nCOPY .env.example /app/\nCOPY --from=build /app/cert /app/\n"),
    ("Dockerfile", "FROM x\nCOPY . /app\nRUN wget $TOKEN_HELPER_URL\n"),
]


@pytest.mark.parametrize(("path", "text", "rule", "line"), FAULTY)
def test_a_faulty_statement_is_found(path: str, text: str, rule: str, line: int) -> None:
    assert [(one.source.rule, one.line) for one in statements.scan(reviewed(path, text))] == [(rule, line)]


@pytest.mark.parametrize(("path", "text"), RIGHT)
def test_a_right_statement_is_left_alone(path: str, text: str) -> None:
    assert [one.source.rule for one in statements.scan(reviewed(path, text))] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CMD ['npm', 'start']", 'CMD ["npm", "start"]'),
        ("RUN export PATH=/opt/bin", "ENV PATH=/opt/bin"),
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
    ],
)
def test_no_text_of_one_kind_takes_long(path: str, unit: str) -> None:
    file = reviewed(path, unit * (200_000 // len(unit)))
    began = time.process_time()
    list(statements.scan(file))
    statements.errors(file.text)
    assert time.process_time() - began < 30
