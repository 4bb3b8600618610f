CREATE TABLE log (key TEXT, n BIGINT, ts TIMESTAMP, WATERMARK FOR ts) WITH (connector = 'log', topic = 't');
CREATE TEMPORARY TABLE people (id TEXT PRIMARY KEY, name TEXT) WITH (connector = 'directory', type = 'lookup');
SELECT l.n, p.name FROM log l JOIN people p ON l.key = p.id WHERE p.name <> 'Bob';
SELECT l.n, p.name FROM log l LEFT JOIN people p ON l.key = p.id AND l.n > 3;
SELECT tumble(interval '1 minute') AS window, name, count(*) FROM log JOIN people ON upper(key) = id GROUP BY window, name;
