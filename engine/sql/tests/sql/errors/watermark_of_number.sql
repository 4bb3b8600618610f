CREATE TABLE t (ts BIGINT, WATERMARK FOR ts) WITH (connector = 'log', topic = 'x');
