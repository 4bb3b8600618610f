-- Which cameras are the busiest? The three with the most people on average, minute by minute.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE TABLE busiest_cameras WITH (
    connector = 'filesystem',
    path = 'tables/busiest_cameras',
    format = 'parquet',
    'rolling.interval' = interval '10 minutes'
);

INSERT INTO busiest_cameras
SELECT window.start AS minute, place, device_id, camera_id, people_mean
FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window ORDER BY people_mean DESC, device_id, camera_id) AS place
    FROM (
        SELECT
            tumble(interval '1 minute') AS window,
            device_id,
            camera_id,
            avg(persons_detected) AS people_mean
        FROM edge_frames
        GROUP BY window, device_id, camera_id
    )
)
WHERE place <= 3;
