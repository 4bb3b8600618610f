CREATE TABLE t (a INT) WITH (connector = 'log', topic = 'x');
SELECT count(*) FROM t GROUP BY tumble(interval '1 minute');
