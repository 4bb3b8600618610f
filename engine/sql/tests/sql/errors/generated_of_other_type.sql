CREATE TABLE t (a BOOLEAN, ts TIMESTAMP GENERATED ALWAYS AS (a)) WITH (connector = 'log', topic = 'x');
