CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE TABLE m (a TEXT);
INSERT INTO m SELECT camera_id FROM frames;
INSERT INTO m SELECT camera_id FROM frames;
