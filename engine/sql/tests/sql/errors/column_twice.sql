CREATE TABLE t (a INT, b INT, A TEXT) WITH (connector = 'log', topic = 'x');
