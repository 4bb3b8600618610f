CREATE TABLE t (ts TIMESTAMP, WATERMARK FOR ts AS (5)) WITH (connector = 'log', topic = 'x');
