CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out SELECT count(*) FROM frames GROUP BY cumulate(interval '7 minutes', interval '1 hour');
