CREATE TABLE t (a INT) WITH (topic = 'x');
