CREATE TABLE frames (camera_id TEXT, ts TIMESTAMP, persons INT, WATERMARK FOR ts)
WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
SELECT camera_id, count(*) AS n FROM frames GROUP BY camera_id
HAVING rank() OVER (ORDER BY count(*) DESC) <= 3;
