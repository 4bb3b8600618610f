CREATE TABLE t (a INT) WITH (connector = 'log', topic = 'x', flush = interval '5 parsecs');
