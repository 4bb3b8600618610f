CREATE TABLE t (ts TIMESTAMP, WATERMARK FOR tss) WITH (connector = 'log', topic = 'x');
