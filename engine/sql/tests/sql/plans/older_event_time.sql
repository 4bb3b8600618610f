CREATE TABLE t (a INT, ts TIMESTAMP(6), wm TIMESTAMP(6))
WITH (connector = 'log', topic = 't', event_time_field = 'ts', watermark_field = 'wm');
SELECT a, row_time() FROM t;
