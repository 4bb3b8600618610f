CREATE TABLE t (a INT, ts TIMESTAMP, WATERMARK FOR ts) WITH (connector = 'log', topic = 'x');
SELECT tumble(interval '1 minute') AS window, window.start, sum(aa) FROM t GROUP BY window;
