-- How many people does each camera see? A row a camera every ten seconds: the sum over its frames, the mean and the
-- most at once. Kept as Parquet, and the last hour live as the view people_per_camera_now.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE VIEW people AS
SELECT
    tumble(interval '10 seconds') AS window,
    device_id,
    camera_id,
    count(*) AS frames,
    sum(persons_detected) AS people_total,
    avg(persons_detected) AS people_mean,
    max(persons_detected) AS people_max
FROM edge_frames
GROUP BY window, device_id, camera_id;

CREATE TABLE people_per_camera WITH (
    connector = 'filesystem',
    path = 'tables/people_per_camera',
    format = 'parquet',
    partition_fields = [device_id],
    'rolling.interval' = interval '30 seconds'
);

INSERT INTO people_per_camera
SELECT window.start AS window_start, window.end AS window_end,
       device_id, camera_id, frames, people_total, people_mean, people_max
FROM people;

CREATE MATERIALIZED VIEW people_per_camera_now WITH (retention = interval '1 hour') AS
SELECT window.start AS window_start, window.end AS window_end,
       device_id, camera_id, frames, people_total, people_mean, people_max
FROM people;
