CREATE TABLE a (x INT) WITH (connector = 'log', topic = 'a', 'watermark.max_drift' = interval '1 minute');
SELECT x FROM a;
