CREATE TABLE t (id INT, from TEXT) WITH (connector = 'log', topic = 'x');
SELECT from FROM t;
