CREATE TABLE log (key TEXT, n BIGINT, ts TIMESTAMP, WATERMARK FOR ts) WITH (connector = 'log', topic = 't');
CREATE TEMPORARY TABLE people (id TEXT PRIMARY KEY, name TEXT) WITH (connector = 'directory');
SELECT * FROM (SELECT key, count(*) AS n FROM log GROUP BY key) c JOIN people ON c.key = id;
