CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE MATERIALIZED VIEW people_per_minute WITH (retention = interval '1 day') AS
SELECT tumble(interval '1 minute') AS window, camera_id, sum(persons) AS people FROM frames GROUP BY window, camera_id;
CREATE TABLE busiest AS SELECT camera_id, people FROM people_per_minute WHERE people > 100;
SELECT * FROM busiest;
