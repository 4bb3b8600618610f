CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
SELECT * FROM frames WHERE persons > (SELECT max(persons) FROM frames GROUP BY tumble(interval '1 minute'));
