CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out
SELECT window.start, camera_id, people, place FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window ORDER BY people DESC) AS place
    FROM (
        SELECT tumble(interval '1 minute') AS window, camera_id, sum(persons) AS people
        FROM frames GROUP BY window, camera_id
    )
) WHERE place <= 3;
