CREATE TABLE late WITH (connector = 'print');
CREATE TABLE seen (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'seen', type = 'source', late_sink = 'late');
SELECT session(interval '5 seconds') AS window, count(*) AS rows FROM seen GROUP BY window;
