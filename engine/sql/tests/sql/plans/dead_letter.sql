-- Two sources share a table for what they cannot read; a third is read by nobody.
CREATE TABLE a (x INT, ts TIMESTAMP, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'a', bad_data = 'dead_letter', dead_letter = 'unread', 'watermark.max_drift' = interval '1 minute');
CREATE TABLE b (x INT) WITH (connector = 'log', topic = 'b', bad_data = 'dead_letter', dead_letter = 'Unread');
CREATE TABLE c (x INT) WITH (connector = 'log', topic = 'c', bad_data = 'dead_letter', dead_letter = 'unread');
CREATE TABLE unread (reason TEXT, topic TEXT, "offset" BIGINT) WITH (connector = 'log', topic = 'unread', type = 'sink');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out SELECT x FROM a WHERE x > 1;
INSERT INTO out SELECT x FROM b;
