CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
SELECT DISTINCT camera_id FROM frames;
