CREATE TABLE t (ts TIMESTAMP(4)) WITH (connector = 'log', topic = 'x');
