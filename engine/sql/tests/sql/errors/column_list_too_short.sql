CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE TABLE s (a TEXT, b INT) WITH (connector = 'log', topic = 's');
INSERT INTO s (b) SELECT camera_id, persons FROM frames;
