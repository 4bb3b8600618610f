CREATE TABLE t (a TEXT, ts TIMESTAMP GENERATED ALWAYS AS (CAST(b AS TIMESTAMP))) WITH (connector = 'log', topic = 'x');
