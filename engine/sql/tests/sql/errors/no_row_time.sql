CREATE TABLE t (a INT) WITH (connector = 'log', topic = 'x');
SELECT row_time() FROM t;
