CREATE TABLE t (a INT) WITH (connector = 'log', topic = 'x', format = 'xml');
