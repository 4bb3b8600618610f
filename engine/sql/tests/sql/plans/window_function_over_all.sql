CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
SELECT camera_id, row_number() OVER (ORDER BY n) FROM (
    SELECT tumble(interval '1 minute') AS minute, camera_id, count(*) AS n FROM frames GROUP BY minute, camera_id);
