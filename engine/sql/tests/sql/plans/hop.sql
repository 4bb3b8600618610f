CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out
SELECT hop(interval '10 seconds', interval '1 minute') AS window, count(DISTINCT camera_id) AS cameras
FROM frames GROUP BY hop(interval '10 seconds', interval '1 minute');
