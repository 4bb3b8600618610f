CREATE TABLE t (a INT) WITH (connector = 'log', topic = 'x');
CREATE TABLE T (b TEXT) WITH (connector = 'log', topic = 'y');
