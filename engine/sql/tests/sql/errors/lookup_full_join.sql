CREATE TABLE log (key TEXT, n BIGINT, ts TIMESTAMP, WATERMARK FOR ts) WITH (connector = 'log', topic = 't');
CREATE TEMPORARY TABLE people (id TEXT PRIMARY KEY, name TEXT) WITH (connector = 'directory');
SELECT * FROM log FULL JOIN people ON key = id;
