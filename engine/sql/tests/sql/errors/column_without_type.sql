CREATE TABLE t (a, b INT) WITH (connector = 'log', topic = 'x');
