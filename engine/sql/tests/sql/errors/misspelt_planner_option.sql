CREATE TABLE t (a INT, ts TIMESTAMP) WITH (connector = 'log', topic = 'x', event_time_feld = 'ts');
