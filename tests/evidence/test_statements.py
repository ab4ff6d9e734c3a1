"""Rules for SQL and Dockerfiles: each finds its faulty examples and leaves right ones alone."""

from __future__ import annotations

import pytest

from reviewer.evidence import statements
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
]
RIGHT = [
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
