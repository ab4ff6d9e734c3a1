"""Rules for SQL: each finds its faulty examples and leaves right ones alone."""

from __future__ import annotations

import pytest

from reviewer.evidence import statements
from tests.evidence.samples import reviewed

FAULTY = [
    ("UPDATE users SET active = 0;\n", "sql-write-without-where", 1),
    ("SELECT 1;\n\nDELETE FROM users;\n", "sql-write-without-where", 3),
    ("SELECT * FROM t\nWHERE a = 1\nAND b = NULL;\n", "sql-null-compared", 3),
    ("SELECT * FROM t WHERE b <> NULL", "sql-null-compared", 1),
    ("SELECT * FROM t\nWHERE id NOT IN (SELECT owner_id FROM u);\n", "sql-not-in-subquery", 2),
    ("DELETE FROM t WHERE x NOT IN (\n SELECT DISTINCT u.owner FROM u)", "sql-not-in-subquery", 1),
    ("SELECT 1 FROM t WHERE created_at\n BETWEEN '2024-01-01' AND '2024-01-31';", "sql-last-day-cut", 2),
    ("SELECT 1 FROM t WHERE t.paid_at <= '2024-12-31'", "sql-last-day-cut", 1),
    ("SELECT * FROM t WHERE id NOT IN (1, NULL);", "sql-null-in-list", 1),
    ("SELECT CASE x\n WHEN 1 THEN 'a'\n WHEN NULL THEN 'b' END;", "sql-case-when-null", 3),
    ("DELETE FROM t WHERE s <> 'a' OR s <> 'b';", "sql-always-different", 1),
    ("SELECT * FROM t\nWHERE t.n = 1 AND t.n = 2;", "sql-never-both", 2),
    ("ALTER TABLE t ADD COLUMN n INT NOT NULL;", "sql-required-column-without-default", 1),
    ("SELECT * FROM a\nLEFT JOIN b\nWHERE a.id = 1;", "sql-join-without-condition", 2),
    (
        (
            "SELECT c.id FROM customers c WHERE c.id NOT IN (SELECT referred_by FROM customers) GROUP BY c.id HAVING"
            " coalesce(max(o.x), '-infinity') < now();\n"
        ),
        "sql-not-in-subquery",
        1,
    ),
    (
        (
            "WITH b AS (SELECT 1) SELECT sum(x) FROM payments p CROSS JOIN bounds b WHERE p.paid_at BETWEEN b.first_"
            "day AND b.last_day;\n"
        ),
        "sql-last-day-cut-by-variable",
        1,
    ),
    ("SELECT * FROM orders WHERE created_at BETWEEN :start_date AND :end_date;\n", "sql-last-day-cut-by-variable", 1),
    (
        "SELECT count(*) FROM logins WHERE logged_at >= CURRENT_DATE - 7 AND logged_at <= CURRENT_DATE;\n",
        "sql-last-day-cut-by-variable",
        1,
    ),
    (
        "SELECT u.id, o.total FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.status = 'paid';\n",
        "sql-outer-join-undone",
        1,
    ),
    (
        (
            "SELECT c.name, COUNT(i.id) FROM customers AS c\nLEFT JOIN invoices AS i ON i.customer_id = c.id AND i.v"
            "oid = false\nWHERE c.active AND i.created_at >= now() - interval '30 days'\nGROUP BY c.name;\n"
        ),
        "sql-outer-join-undone",
        3,
    ),
    ("UPDATE users SET active = false AND deleted_at = now() WHERE id = 4;\n", "sql-assignments-joined-with-and", 1),
    (
        "SELECT * FROM tickets WHERE tenant_id = $1 AND status = 'open' OR status = 'pending';\n",
        "sql-or-without-parentheses",
        1,
    ),
    ("SELECT * FROM docs WHERE owner_id = ? AND archived = 0 OR title LIKE ?;\n", "sql-or-without-parentheses", 1),
    (
        "DELETE FROM jobs WHERE state = 'done' OR state = 'failed' AND finished_at < now() - interval '7 days';\n",
        "sql-or-without-parentheses",
        1,
    ),
    ("SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a_id = a_id);\n", "sql-column-compared-with-itself", 1),
    ("SELECT * FROM a JOIN b ON b.id = b.id;\n", "sql-column-compared-with-itself", 1),
    (
        "SELECT customer_id, SUM(total) FROM orders WHERE SUM(total) > 100 GROUP BY customer_id;\n",
        "sql-aggregate-in-where",
        1,
    ),
    (
        "SELECT p.id, COUNT(*) AS comments FROM posts p LEFT JOIN comments c ON c.post_id = p.id GROUP BY p.id;\n",
        "sql-count-of-missing-row",
        1,
    ),
    (
        (
            "SELECT o.id, SUM(DISTINCT oi.price) FROM orders o JOIN items oi ON oi.oid = o.id JOIN pays p ON p.oid ="
            " o.id GROUP BY o.id;\n"
        ),
        "sql-sum-of-distinct",
        1,
    ),
    ("SELECT COUNT(*) FILTER (WHERE ok) / COUNT(*) AS rate FROM runs;\n", "sql-division-of-counts", 1),
    (
        "SELECT SUM(CASE WHEN status = 'ok' THEN 1 ELSE 0 END) / COUNT(*) * 100 FROM runs;\n",
        "sql-division-of-counts",
        1,
    ),
    ("SELECT id, name FROM users WHERE active LIMIT 20 OFFSET 40;\n", "sql-page-without-order", 1),
    (
        "CREATE TABLE invoices (id bigint primary key, total_amount FLOAT NOT NULL, currency text);\n",
        "sql-money-as-float",
        1,
    ),
    ("ALTER TABLE products ADD COLUMN price DOUBLE PRECISION;\n", "sql-money-as-float", 1),
    ("SELECT id, LAST_VALUE(price) OVER (PARTITION BY sku ORDER BY at) FROM prices;\n", "sql-last-value-of-frame", 1),
    (
        "SELECT * FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY user_id) rn FROM logins) x WHERE rn = 1;\n",
        "sql-numbered-without-order",
        1,
    ),
    (
        "SELECT EXTRACT(MONTH FROM paid_at) AS m, SUM(cents) FROM payments GROUP BY EXTRACT(MONTH FROM paid_at);\n",
        "sql-months-of-all-years",
        1,
    ),
    ("SELECT to_char(created_at, 'YYYY-MM-DD HH24:MM') FROM t;\n", "sql-date-pattern-confused", 1),
    ("SELECT to_char(created_at, 'YYYY-MM-DD HH:MI:SS') FROM t;\n", "sql-date-pattern-confused", 1),
    ("SELECT DATE_FORMAT(created_at, '%Y-%m-%d %H:%m') FROM t;\n", "sql-date-pattern-confused", 1),
    ("SELECT DISTINCT ON (user_id) user_id, ip FROM logins;\n", "sql-distinct-on-without-order", 1),
    (
        "INSERT INTO invoices (number, customer_id) SELECT COALESCE(MAX(number), 0) + 1, 5 FROM invoices;\n",
        "sql-next-number-from-maximum",
        1,
    ),
    (
        (
            "CREATE FUNCTION withdraw(acc bigint, amt int) RETURNS void LANGUAGE plpgsql AS $$\nDECLARE bal int;\nBE"
            "GIN\n  SELECT balance INTO bal FROM accounts WHERE id = acc;\n  IF bal < amt THEN RAISE EXCEPTION 'x'; "
            "END IF;\n  UPDATE accounts SET balance = bal - amt WHERE id = acc;\nEND $$;\n"
        ),
        "sql-value-changed-meanwhile",
        4,
    ),
    (
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM x"
            " WHERE id = 1; END $$;\n"
        ),
        "sql-definer-without-search-path",
        1,
    ),
    (
        "CREATE FUNCTION f(t text) RETURNS void AS $$ BEGIN EXECUTE 'DELETE FROM ' || t; END $$ LANGUAGE plpgsql;\n",
        "sql-command-of-values",
        1,
    ),
    (
        (
            "CREATE FUNCTION f(t text) RETURNS void AS $$ BEGIN EXECUTE format('SELECT * FROM users WHERE name = ''%"
            "s''', t); END $$ LANGUAGE plpgsql;\n"
        ),
        "sql-command-of-values",
        1,
    ),
    (
        (
            "CREATE PROCEDURE s @n nvarchar(50) AS BEGIN DECLARE @sql nvarchar(max); SET @sql = N'SELECT * FROM user"
            "s WHERE name = ''' + @n + ''''; EXEC(@sql); END\n"
        ),
        "sql-command-of-values",
        1,
    ),
    ("SELECT * FROM events WHERE payload -> 'type' = 'signup';\n", "sql-json-compared-with-text", 1),
    ("SELECT * FROM t WHERE status IN ('new', 'open' 'closed');\n", "sql-comma-missing-in-list", 1),
    (
        "SELECT CASE WHEN score >= 50 THEN 'pass' WHEN score >= 90 THEN 'top' ELSE 'fail' END FROM t;\n",
        "sql-case-never-reached",
        1,
    ),
    ("SELECT * FROM t WHERE age BETWEEN 65 AND 18;\n", "sql-bounds-swapped", 1),
    ("INSERT INTO t (a, b, c) VALUES (1, 'x, y');\n", "sql-number-of-values", 1),
    ("SELECT customer_id, SUM(total) FROM orders WHERE paid;\n", "sql-column-not-grouped", 1),
    ("GRANT ALL PRIVILEGES ON *.* TO 'app'@'%';\n", "sql-all-rights-for-everyone", 1),
    ("CREATE POLICY p ON notes FOR UPDATE USING (true);\n", "sql-policy-for-everyone", 1),
    ("SELECT o.id FROM orders o, customers c WHERE o.total > 100 AND c.active;\n", "sql-tables-not-linked", 1),
    ("SELECT * FROM t WHERE name = '%smith%';\n", "sql-wildcard-compared", 1),
    ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = 2;\n", "sql-conflict-without-target", 1),
    (
        (
            "SELECT * FROM i WHERE issued_at BETWEEN date_trunc('month', now())\nAND (date_trunc('month', no"
            "w()) + interval '1 month' - interval '1 day')::date;"
        ),
        "sql-last-day-cut-by-variable",
        2,
    ),
    ("SELECT 1 FROM e WHERE occurred_at BETWEEN $1::date AND $2::date;", "sql-last-day-cut-by-variable", 1),
    ("SELECT user_id, MAX(created_at), ip FROM logins GROUP BY user_id;", "sql-column-left-out-of-group", 1),
    ("SELECT c.name, c.city, COUNT(*) AS n FROM c GROUP BY c.name ORDER BY n;", "sql-column-left-out-of-group", 1),
    (
        (
            "SELECT c.id, SUM(o.total), SUM(p.cents) FROM c\nLEFT JOIN orders o ON o.c_id = c.id LEFT JOIN p"
            "ays p ON p.c_id = c.id GROUP BY c.id;"
        ),
        "sql-rows-multiplied-by-joins",
        1,
    ),
    (
        "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN NEW.a := now(); END; $$ LANGUAGE plpgsql;",
        "sql-trigger-returns-nothing",
        1,
    ),
]
RIGHT = [
    "SELECT * FROM t WHERE id NOT IN (1, 2) AND x IS NULL;",
    "SELECT CASE WHEN x IS NULL THEN 'b' END, NULL;",
    "SELECT CASE x WHEN 1 THEN NULL ELSE 2 END;",
    "DELETE FROM t WHERE s <> 'a' AND s <> 'b';",
    "SELECT * FROM t WHERE a.n = 1 AND b.n = 2;",
    "SELECT * FROM t WHERE n = 1 OR n = 2;",
    "UPDATE t SET a = 1 WHERE a = 2 AND b = 3 OR a = 4;",
    "ALTER TABLE t ADD COLUMN n INT NOT NULL DEFAULT 0;",
    "ALTER TABLE t ADD CONSTRAINT c CHECK (n IS NOT NULL);",
    "SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE a.id = 1;",
    "SELECT * FROM a NATURAL JOIN b WHERE a.id = 1;",
    "SELECT * FROM a INNER JOIN b USING (id) ORDER BY 1;",
    "UPDATE users SET active = 0 WHERE id = 1;",
    "UPDATE a SET x = b.x FROM b WHERE a.id = b.id;",
    "-- DELETE FROM users;\nINSERT INTO log VALUES ('DELETE FROM users;');",
    "DELETE FROM users WHERE id = 1;",
    "CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION f();",
    "UPDATE t SET a = NULL WHERE b IS NULL;",
    "SELECT 'WHERE a', NULL FROM t WHERE b IS NOT NULL",
    "/* WHERE a = NULL */ SELECT 1;",
    "SELECT * FROM t WHERE id NOT IN (SELECT owner_id FROM u WHERE owner_id IS NOT NULL);",
    "SELECT * FROM t WHERE id NOT IN (SELECT id FROM u);",
    "SELECT * FROM t WHERE id NOT IN (1, 2);",
    "SELECT 1 FROM t WHERE birthday BETWEEN '2024-01-01' AND '2024-01-31';",
    "SELECT 1 FROM t WHERE created_at >= '2024-01-01' AND created_at < '2024-02-01';",
    "SELECT 1 FROM t WHERE created_at <= '2024-01-31 23:59:59';",
    "SELECT 1 FROM p WHERE p.paid_at >= :start_date AND p.paid_at < :end_date;",
    "SELECT 1 FROM p WHERE p.paid_at BETWEEN :start_date AND :end_date + interval '1 day';",
    "SELECT 1 FROM t WHERE birthday BETWEEN :start_date AND :end_date;",
    "SELECT 1 FROM u LEFT JOIN o ON o.uid = u.id AND o.state = 'paid' WHERE u.active;",
    "SELECT 1 FROM u LEFT JOIN o ON o.uid = u.id WHERE o.id IS NULL AND u.state = 'x';",
    "SELECT 1 FROM u LEFT JOIN o ON o.uid = u.id WHERE (o.state = 'paid' OR o.state IS NULL);",
    "UPDATE t SET a = 1, b = 2 WHERE c = 3 AND d = 4;",
    "SELECT 1 FROM t WHERE tenant_id = 1 AND (state = 'a' OR state = 'b');",
    "SELECT 1 FROM t WHERE (a = 1 AND b = 2) OR (a = 3 AND b = 4);",
    "SELECT 1 FROM a JOIN b ON a.id = b.id;",
    "SELECT a, SUM(b) FROM t WHERE c = 1 GROUP BY a HAVING SUM(b) > 3;",
    "SELECT 1 FROM t WHERE b > (SELECT AVG(b) FROM t);",
    "SELECT COUNT(*) FILTER (WHERE ok) AS n, COUNT(*) FROM t;",
    "SELECT p.id, COUNT(c.id) FROM p LEFT JOIN c ON c.pid = p.id GROUP BY p.id;",
    "SELECT SUM(price), COUNT(DISTINCT price) FROM t;",
    "SELECT 100.0 * COUNT(*) FILTER (WHERE ok) / COUNT(*) FROM t;",
    "SELECT id FROM t ORDER BY id LIMIT 5 OFFSET 5;",
    "CREATE TABLE t (price NUMERIC(10, 2), weight FLOAT, rating REAL);",
    "SELECT LAST_VALUE(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM t;",
    "SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC), ROW_NUMBER() OVER () FROM t;",
    "SELECT SUM(a) FROM t GROUP BY EXTRACT(YEAR FROM b), EXTRACT(MONTH FROM b);",
    "SELECT to_char(a, 'YYYY-MM-DD HH24:MI:SS'), to_char(a, 'HH:MI AM'), to_char(a, 'IYYY-IW') FROM t;",
    "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC;",
    "SELECT MAX(id) FROM t; INSERT INTO t (id) VALUES (nextval('s'));",
    (
        "CREATE FUNCTION f() RETURNS int AS $$ BEGIN SELECT b INTO v FROM t WHERE id = 1 FOR UPDATE; UPDATE t SE"
        "T b = v - 1 WHERE id = 1; END $$ LANGUAGE plpgsql;"
    ),
    "CREATE FUNCTION f() RETURNS int SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT 1 $$ LANGUAGE sql;",
    "DO $$ BEGIN EXECUTE format('DROP TABLE %I', t); EXECUTE 'DROP TABLE ' || quote_ident(t); END $$;",
    "SELECT 1 FROM t WHERE p ->> 'type' = 'x' AND p -> 'a' = '\"x\"';",
    "SELECT 1 FROM t WHERE s IN ('it''s', 'b');",
    "SELECT CASE WHEN n >= 90 THEN 'a' WHEN n >= 50 THEN 'b' WHEN n < 10 THEN 'c' END FROM t;",
    "SELECT 1 FROM t WHERE n BETWEEN 18 AND 65 AND d BETWEEN '2024-01-01' AND '2024-02-01 00:00';",
    "INSERT INTO t (a, b) VALUES ('x, y', 2), (3, 4); INSERT INTO t (a, b) VALUES (now(), 1);",
    "SELECT id, (SELECT COUNT(*) FROM b) FROM t;",
    "GRANT SELECT ON t TO PUBLIC; GRANT ALL ON t TO app;",
    "CREATE POLICY p ON t FOR SELECT USING (true); CREATE POLICY q ON t FOR UPDATE USING (owner = me());",
    "SELECT 1 FROM a x, b y WHERE x.id = y.a_id AND x.n > 1;",
    "SELECT 1 FROM t WHERE a LIKE '%x%' AND b = '100%';",
    "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2;",
    "SELECT id, name, COUNT(*) FROM t GROUP BY id;",
    "SELECT a, b, COUNT(*) FROM t GROUP BY a, b;",
    "SELECT lower(a), COUNT(*) FROM t GROUP BY 1;",
    "SELECT SUM(o.a), SUM(o.b) FROM c JOIN o ON o.c_id = c.id JOIN p ON p.c_id = c.id;",
    "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN NEW.a := 1; RETURN NEW; END $$ LANGUAGE plpgsql;",
]


@pytest.mark.parametrize(("text", "rule", "line"), FAULTY)
def test_a_faulty_statement_is_found(text: str, rule: str, line: int) -> None:
    assert [(one.source.rule, one.line) for one in statements.scan(reviewed("a.sql", text))] == [(rule, line)]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_statement_is_left_alone(text: str) -> None:
    assert [one.source.rule for one in statements.scan(reviewed("a.sql", text))] == []


def test_a_migration_may_change_every_row() -> None:
    assert list(statements.scan(reviewed("db/migrations/7.sql", "UPDATE users SET active = 1;"))) == []
