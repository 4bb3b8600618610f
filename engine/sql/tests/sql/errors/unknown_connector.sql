CREATE TABLE t (a INT) WITH (connector = 'lgo', topic = 'x');
