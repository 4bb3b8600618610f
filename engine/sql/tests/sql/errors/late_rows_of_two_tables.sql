CREATE TABLE late WITH (connector = 'print');
CREATE TABLE seen (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'seen', type = 'source', late_sink = 'late');
CREATE TABLE heard (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'heard', type = 'source');
SELECT tumble(interval '5 seconds') AS window, count(*) AS rows
FROM (SELECT * FROM seen UNION ALL SELECT * FROM heard) GROUP BY window;
