CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
SELECT camera_id, persons FROM frames
WHERE row_number() OVER (PARTITION BY camera_id ORDER BY persons DESC) <= 3;
