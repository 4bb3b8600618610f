CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE VIEW minutes AS
SELECT tumble(interval '1 minute') AS window, camera_id, persons > 2 AS crowded, count(*) AS n
FROM frames GROUP BY window, camera_id, crowded;
INSERT INTO out
SELECT window, camera_id,
    row_number() OVER (PARTITION BY window, camera_id ORDER BY n) AS a,
    sum(n) OVER (PARTITION BY window.end) AS b,
    lag(n) OVER (PARTITION BY window, camera_id ORDER BY n) AS c
FROM minutes;
