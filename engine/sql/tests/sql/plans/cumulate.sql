CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE by_the_hour WITH (connector = 'print');
INSERT INTO by_the_hour
SELECT cumulate(ts, interval '1 hour', interval '1 day') AS window, camera_id, sum(persons) AS people
FROM frames GROUP BY window, camera_id;
CREATE TABLE shifted WITH (connector = 'print');
INSERT INTO shifted
SELECT hop(interval '1 minute', interval '5 minutes', interval '90 seconds') AS window, count(*) AS frames
FROM frames GROUP BY window
UNION ALL
SELECT cumulate(interval '1 minute', interval '5 minutes', interval '-30 seconds') AS window, count(*) AS frames
FROM frames GROUP BY window;
