CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE VIEW minutes AS
SELECT tumble(interval '1 minute') AS minute, camera_id, sum(persons) AS people FROM frames GROUP BY minute, camera_id;
INSERT INTO out
SELECT tumble(interval '1 hour') AS hour, camera_id, avg(people) AS people FROM minutes GROUP BY hour, camera_id;
