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
    (
        "a.sql",
        (
            "SELECT c.id FROM customers c WHERE c.id NOT IN (SELECT referred_by FROM customers) GROUP BY c.id HAVING"
            " coalesce(max(o.x), '-infinity') < now();\n"
        ),
        "sql-not-in-subquery",
        1,
    ),
    (
        "a.sql",
        (
            "WITH b AS (SELECT 1) SELECT sum(x) FROM payments p CROSS JOIN bounds b WHERE p.paid_at BETWEEN b.first_"
            "day AND b.last_day;\n"
        ),
        "sql-last-day-cut-by-variable",
        1,
    ),
    (
        "a.sql",
        "SELECT * FROM orders WHERE created_at BETWEEN :start_date AND :end_date;\n",
        "sql-last-day-cut-by-variable",
        1,
    ),
    (
        "a.sql",
        "SELECT count(*) FROM logins WHERE logged_at >= CURRENT_DATE - 7 AND logged_at <= CURRENT_DATE;\n",
        "sql-last-day-cut-by-variable",
        1,
    ),
    (
        "a.sql",
        "SELECT u.id, o.total FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.status = 'paid';\n",
        "sql-outer-join-undone",
        1,
    ),
    (
        "a.sql",
        (
            "SELECT c.name, COUNT(i.id) FROM customers AS c\nLEFT JOIN invoices AS i ON i.customer_id = c.id AND i.v"
            "oid = false\nWHERE c.active AND i.created_at >= now() - interval '30 days'\nGROUP BY c.name;\n"
        ),
        "sql-outer-join-undone",
        3,
    ),
    (
        "a.sql",
        "UPDATE users SET active = false AND deleted_at = now() WHERE id = 4;\n",
        "sql-assignments-joined-with-and",
        1,
    ),
    (
        "a.sql",
        "SELECT * FROM tickets WHERE tenant_id = $1 AND status = 'open' OR status = 'pending';\n",
        "sql-or-without-parentheses",
        1,
    ),
    (
        "a.sql",
        "SELECT * FROM docs WHERE owner_id = ? AND archived = 0 OR title LIKE ?;\n",
        "sql-or-without-parentheses",
        1,
    ),
    (
        "a.sql",
        "DELETE FROM jobs WHERE state = 'done' OR state = 'failed' AND finished_at < now() - interval '7 days';\n",
        "sql-or-without-parentheses",
        1,
    ),
    (
        "a.sql",
        "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a_id = a_id);\n",
        "sql-column-compared-with-itself",
        1,
    ),
    ("a.sql", "SELECT * FROM a JOIN b ON b.id = b.id;\n", "sql-column-compared-with-itself", 1),
    (
        "a.sql",
        "SELECT customer_id, SUM(total) FROM orders WHERE SUM(total) > 100 GROUP BY customer_id;\n",
        "sql-aggregate-in-where",
        1,
    ),
    (
        "a.sql",
        "SELECT p.id, COUNT(*) AS comments FROM posts p LEFT JOIN comments c ON c.post_id = p.id GROUP BY p.id;\n",
        "sql-count-of-missing-row",
        1,
    ),
    (
        "a.sql",
        (
            "SELECT o.id, SUM(DISTINCT oi.price) FROM orders o JOIN items oi ON oi.oid = o.id JOIN pays p ON p.oid ="
            " o.id GROUP BY o.id;\n"
        ),
        "sql-sum-of-distinct",
        1,
    ),
    ("a.sql", "SELECT COUNT(*) FILTER (WHERE ok) / COUNT(*) AS rate FROM runs;\n", "sql-division-of-counts", 1),
    (
        "a.sql",
        "SELECT SUM(CASE WHEN status = 'ok' THEN 1 ELSE 0 END) / COUNT(*) * 100 FROM runs;\n",
        "sql-division-of-counts",
        1,
    ),
    ("a.sql", "SELECT id, name FROM users WHERE active LIMIT 20 OFFSET 40;\n", "sql-page-without-order", 1),
    (
        "a.sql",
        "CREATE TABLE invoices (id bigint primary key, total_amount FLOAT NOT NULL, currency text);\n",
        "sql-money-as-float",
        1,
    ),
    ("a.sql", "ALTER TABLE products ADD COLUMN price DOUBLE PRECISION;\n", "sql-money-as-float", 1),
    (
        "a.sql",
        "SELECT id, LAST_VALUE(price) OVER (PARTITION BY sku ORDER BY at) FROM prices;\n",
        "sql-last-value-of-frame",
        1,
    ),
    (
        "a.sql",
        "SELECT * FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY user_id) rn FROM logins) x WHERE rn = 1;\n",
        "sql-numbered-without-order",
        1,
    ),
    (
        "a.sql",
        "SELECT EXTRACT(MONTH FROM paid_at) AS m, SUM(cents) FROM payments GROUP BY EXTRACT(MONTH FROM paid_at);\n",
        "sql-months-of-all-years",
        1,
    ),
    ("a.sql", "SELECT to_char(created_at, 'YYYY-MM-DD HH24:MM') FROM t;\n", "sql-date-pattern-confused", 1),
    ("a.sql", "SELECT to_char(created_at, 'YYYY-MM-DD HH:MI:SS') FROM t;\n", "sql-date-pattern-confused", 1),
    ("a.sql", "SELECT DATE_FORMAT(created_at, '%Y-%m-%d %H:%m') FROM t;\n", "sql-date-pattern-confused", 1),
    ("a.sql", "SELECT DISTINCT ON (user_id) user_id, ip FROM logins;\n", "sql-distinct-on-without-order", 1),
    (
        "a.sql",
        "INSERT INTO invoices (number, customer_id) SELECT COALESCE(MAX(number), 0) + 1, 5 FROM invoices;\n",
        "sql-next-number-from-maximum",
        1,
    ),
    (
        "a.sql",
        (
            "CREATE FUNCTION withdraw(acc bigint, amt int) RETURNS void LANGUAGE plpgsql AS $$\nDECLARE bal int;\nBE"
            "GIN\n  SELECT balance INTO bal FROM accounts WHERE id = acc;\n  IF bal < amt THEN RAISE EXCEPTION 'x'; "
            "END IF;\n  UPDATE accounts SET balance = bal - amt WHERE id = acc;\nEND $$;\n"
        ),
        "sql-value-changed-meanwhile",
        4,
    ),
    (
        "a.sql",
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM x"
            " WHERE id = 1; END $$;\n"
        ),
        "sql-definer-without-search-path",
        1,
    ),
    (
        "a.sql",
        "CREATE FUNCTION f(t text) RETURNS void AS $$ BEGIN EXECUTE 'DELETE FROM ' || t; END $$ LANGUAGE plpgsql;\n",
        "sql-command-of-values",
        1,
    ),
    (
        "a.sql",
        (
            "CREATE FUNCTION f(t text) RETURNS void AS $$ BEGIN EXECUTE format('SELECT * FROM users WHERE name = ''%"
            "s''', t); END $$ LANGUAGE plpgsql;\n"
        ),
        "sql-command-of-values",
        1,
    ),
    (
        "a.sql",
        (
            "CREATE PROCEDURE s @n nvarchar(50) AS BEGIN DECLARE @sql nvarchar(max); SET @sql = N'SELECT * FROM user"
            "s WHERE name = ''' + @n + ''''; EXEC(@sql); END\n"
        ),
        "sql-command-of-values",
        1,
    ),
    ("a.sql", "SELECT * FROM events WHERE payload -> 'type' = 'signup';\n", "sql-json-compared-with-text", 1),
    ("a.sql", "SELECT * FROM t WHERE status IN ('new', 'open' 'closed');\n", "sql-comma-missing-in-list", 1),
    (
        "a.sql",
        "SELECT CASE WHEN score >= 50 THEN 'pass' WHEN score >= 90 THEN 'top' ELSE 'fail' END FROM t;\n",
        "sql-case-never-reached",
        1,
    ),
    ("a.sql", "SELECT * FROM t WHERE age BETWEEN 65 AND 18;\n", "sql-bounds-swapped", 1),
    ("a.sql", "INSERT INTO t (a, b, c) VALUES (1, 'x, y');\n", "sql-number-of-values", 1),
    ("a.sql", "SELECT customer_id, SUM(total) FROM orders WHERE paid;\n", "sql-column-not-grouped", 1),
    ("a.sql", "GRANT ALL PRIVILEGES ON *.* TO 'app'@'%';\n", "sql-all-rights-for-everyone", 1),
    ("a.sql", "CREATE POLICY p ON notes FOR UPDATE USING (true);\n", "sql-policy-for-everyone", 1),
    ("a.sql", "SELECT o.id FROM orders o, customers c WHERE o.total > 100 AND c.active;\n", "sql-tables-not-linked", 1),
    ("a.sql", "SELECT * FROM t WHERE name = '%smith%';\n", "sql-wildcard-compared", 1),
    ("a.sql", "INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 2;\n", "sql-conflict-without-target", 1),
    ("Dockerfile", "FROM debian\nENV PATH=/opt/bin\n", "dockerfile-path-replaced", 2),
    ("Dockerfile", "FROM debian\nRUN mkdir /x && chmod -R 777 /x\n", "dockerfile-writable-by-all", 2),
    ("Dockerfile", 'FROM debian\nCMD ["cd", "/app", "&&", "npm", "start"]\n', "dockerfile-operator-in-list", 2),
    ("Dockerfile", "FROM python:3\nRUN . /venv/bin/activate\n", "dockerfile-start-lost", 2),
    ("Dockerfile", "FROM debian\nRUN curl -sSLk https://x/y -o y\n", "dockerfile-tls-not-verified", 2),
    ("Dockerfile", "FROM debian\nSTOPSIGNAL SIGKILL\n", "dockerfile-stopped-by-kill", 2),
    ("Dockerfile", "FROM debian\nENTRYPOINT node server.js\n", "dockerfile-entrypoint-in-shell", 2),
    ("Dockerfile", "FROM debian\nADD https://example.com/tool.tgz /opt/\n", "dockerfile-download-not-checked", 2),
    ("Dockerfile", "FROM debian\nCOPY ../shared /app/shared\n", "dockerfile-outside-of-context", 2),
    ("Dockerfile", "FROM debian\nRUN rm -rf /var/lib/apt/lists/*\n", "dockerfile-removed-too-late", 2),
    (
        "Dockerfile",
        "FROM debian\nHEALTHCHECK --interval=5s CMD curl http://localhost/health\n",
        "dockerfile-health-of-any-answer",
        2,
    ),
    (
        "a.sql",
        (
            "SELECT * FROM i WHERE issued_at BETWEEN date_trunc('month', now())\nAND (date_trunc('month', no"
            "w()) + interval '1 month' - interval '1 day')::date;"
        ),
        "sql-last-day-cut-by-variable",
        2,
    ),
    ("a.sql", "SELECT 1 FROM e WHERE occurred_at BETWEEN $1::date AND $2::date;", "sql-last-day-cut-by-variable", 1),
    ("a.sql", "SELECT user_id, MAX(created_at), ip FROM logins GROUP BY user_id;", "sql-column-left-out-of-group", 1),
    (
        "a.sql",
        "SELECT c.name, c.city, COUNT(*) AS n FROM c GROUP BY c.name ORDER BY n;",
        "sql-column-left-out-of-group",
        1,
    ),
    (
        "a.sql",
        (
            "SELECT c.id, SUM(o.total), SUM(p.cents) FROM c\nLEFT JOIN orders o ON o.c_id = c.id LEFT JOIN p"
            "ays p ON p.c_id = c.id GROUP BY c.id;"
        ),
        "sql-rows-multiplied-by-joins",
        1,
    ),
    (
        "a.sql",
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN NEW.a := now(); END; $$ LANGUAGE plpgsql;",
        "sql-trigger-returns-nothing",
        1,
    ),
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
    ("a.sql", "SELECT 1 FROM p WHERE p.paid_at >= :start_date AND p.paid_at < :end_date;"),
    ("a.sql", "SELECT 1 FROM p WHERE p.paid_at BETWEEN :start_date AND :end_date + interval '1 day';"),
    ("a.sql", "SELECT 1 FROM t WHERE birthday BETWEEN :start_date AND :end_date;"),
    ("a.sql", "SELECT 1 FROM u LEFT JOIN o ON o.uid = u.id AND o.state = 'paid' WHERE u.active;"),
    ("a.sql", "SELECT 1 FROM u LEFT JOIN o ON o.uid = u.id WHERE o.id IS NULL AND u.state = 'x';"),
    ("a.sql", "SELECT 1 FROM u LEFT JOIN o ON o.uid = u.id WHERE (o.state = 'paid' OR o.state IS NULL);"),
    ("a.sql", "UPDATE t SET a = 1, b = 2 WHERE c = 3 AND d = 4;"),
    ("a.sql", "SELECT 1 FROM t WHERE tenant_id = 1 AND (state = 'a' OR state = 'b');"),
    ("a.sql", "SELECT 1 FROM t WHERE (a = 1 AND b = 2) OR (a = 3 AND b = 4);"),
    ("a.sql", "SELECT 1 FROM a JOIN b ON a.id = b.id;"),
    ("a.sql", "SELECT a, SUM(b) FROM t WHERE c = 1 GROUP BY a HAVING SUM(b) > 3;"),
    ("a.sql", "SELECT 1 FROM t WHERE b > (SELECT AVG(b) FROM t);"),
    ("a.sql", "SELECT COUNT(*) FILTER (WHERE ok) AS n, COUNT(*) FROM t;"),
    ("a.sql", "SELECT p.id, COUNT(c.id) FROM p LEFT JOIN c ON c.pid = p.id GROUP BY p.id;"),
    ("a.sql", "SELECT SUM(price), COUNT(DISTINCT price) FROM t;"),
    ("a.sql", "SELECT 100.0 * COUNT(*) FILTER (WHERE ok) / COUNT(*) FROM t;"),
    ("a.sql", "SELECT id FROM t ORDER BY id LIMIT 5 OFFSET 5;"),
    ("a.sql", "CREATE TABLE t (price NUMERIC(10, 2), weight FLOAT, rating REAL);"),
    (
        "a.sql",
        "SELECT LAST_VALUE(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t;",
    ),
    ("a.sql", "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC), ROW_NUMBER() OVER () FROM t;"),
    ("a.sql", "SELECT SUM(a) FROM t GROUP BY EXTRACT(YEAR FROM b), EXTRACT(MONTH FROM b);"),
    ("a.sql", "SELECT to_char(a, 'YYYY-MM-DD HH24:MI:SS'), to_char(a, 'HH:MI AM'), to_char(a, 'IYYY-IW') FROM t;"),
    ("a.sql", "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC;"),
    ("a.sql", "SELECT MAX(id) FROM t; INSERT INTO t (id) VALUES (nextval('s'));"),
    (
        "a.sql",
        (
            "CREATE FUNCTION f() RETURNS int AS $$ BEGIN SELECT b INTO v FROM t WHERE id = 1 FOR UPDATE; UPDATE t SE"
            "T b = v - 1 WHERE id = 1; END $$ LANGUAGE plpgsql;"
        ),
    ),
    (
        "a.sql",
        "CREATE FUNCTION f() RETURNS int SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT 1 $$ LANGUAGE sql;",
    ),
    ("a.sql", "DO $$ BEGIN EXECUTE format('DROP TABLE %I', t); EXECUTE 'DROP TABLE ' || quote_ident(t); END $$;"),
    ("a.sql", "SELECT 1 FROM t WHERE p ->> 'type' = 'x' AND p -> 'a' = '\"x\"';"),
    ("a.sql", "SELECT 1 FROM t WHERE s IN ('it''s', 'b');"),
    ("a.sql", "SELECT CASE WHEN n >= 90 THEN 'a' WHEN n >= 50 THEN 'b' WHEN n < 10 THEN 'c' END FROM t;"),
    ("a.sql", "SELECT 1 FROM t WHERE n BETWEEN 18 AND 65 AND d BETWEEN '2024-01-01' AND '2024-02-01 00:00';"),
    ("a.sql", "INSERT INTO t (a, b) VALUES ('x, y', 2), (3, 4); INSERT INTO t (a, b) VALUES (now(), 1);"),
    ("a.sql", "SELECT id, (SELECT COUNT(*) FROM b) FROM t;"),
    ("a.sql", "GRANT SELECT ON t TO PUBLIC; GRANT ALL ON t TO app;"),
    ("a.sql", "CREATE POLICY p ON t FOR SELECT USING (true); CREATE POLICY q ON t FOR UPDATE USING (owner = me());"),
    ("a.sql", "SELECT 1 FROM a x, b y WHERE x.id = y.a_id AND x.n > 1;"),
    ("a.sql", "SELECT 1 FROM t WHERE a LIKE '%x%' AND b = '100%';"),
    ("a.sql", "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2;"),
    ("Dockerfile", "FROM x\nENV PATH=/opt/bin:$PATH\nRUN chmod 1777 /tmp && chmod -R 755 /app\n"),
    ("Dockerfile", 'FROM x\nENTRYPOINT ["sh", "-c", "a && b"]\nRUN . /v/activate && make\n'),
    ("Dockerfile", "FROM x\nRUN curl -fsSL https://a/b -o k\nRUN service nginx start && curl localhost\n"),
    ("Dockerfile", "FROM x\nSTOPSIGNAL SIGTERM\nENTRYPOINT exec node server.js\n"),
    (
        "Dockerfile",
        "FROM x\nADD --checksum=sha256:aa https://a/b /b\nADD https://github.com/a/b.git /b\nCOPY a/../b /c\n",
    ),
    ("Dockerfile", "FROM x\nRUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*\n"),
    ("Dockerfile", "FROM x\nHEALTHCHECK CMD curl -fsS http://localhost/ || exit 1\n"),
    ("a.sql", "SELECT id, name, COUNT(*) FROM t GROUP BY id;"),
    ("a.sql", "SELECT a, b, COUNT(*) FROM t GROUP BY a, b;"),
    ("a.sql", "SELECT lower(a), COUNT(*) FROM t GROUP BY 1;"),
    ("a.sql", "SELECT SUM(o.a), SUM(o.b) FROM c JOIN o ON o.c_id = c.id JOIN p ON p.c_id = c.id;"),
    ("a.sql", "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN NEW.a := 1; RETURN NEW; END $$ LANGUAGE plpgsql;"),
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
    statements.errors(file.text)
    assert time.process_time() - began < 30
