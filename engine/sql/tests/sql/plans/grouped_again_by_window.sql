CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out
SELECT window, max(people) AS busiest FROM (
    SELECT hop(interval '10 seconds', interval '1 minute') AS window, camera_id, sum(persons) AS people
    FROM frames GROUP BY window, camera_id
) GROUP BY window;
