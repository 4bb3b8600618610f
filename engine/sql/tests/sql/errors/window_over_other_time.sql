CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out SELECT count(*) FROM (SELECT ts, ts + interval '1 day' AS due FROM frames)
GROUP BY tumble(due, interval '1 minute');
