-- How full is it, hour by hour? Mean and most people in view, the share of frames with nobody in them, and the energy
-- that watching cost. A folder a day.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE TABLE hourly_occupancy WITH (
    connector = 'filesystem',
    path = 'tables/hourly_occupancy',
    format = 'parquet',
    partition_fields = [day],
    'rolling.interval' = interval '1 hour'
);

INSERT INTO hourly_occupancy
SELECT
    CAST(window.start AS DATE) AS day,
    window.start AS hour,
    device_id,
    camera_id,
    people_mean,
    people_max,
    frames_empty / CAST(frames AS DOUBLE) AS share_empty,
    energy_j
FROM (
    SELECT
        tumble(interval '1 hour') AS window,
        device_id,
        camera_id,
        count(*) AS frames,
        count(*) FILTER (WHERE persons_detected = 0) AS frames_empty,
        avg(persons_detected) AS people_mean,
        max(persons_detected) AS people_max,
        sum(energy_mj) / 1000 AS energy_j
    FROM edge_frames
    GROUP BY window, device_id, camera_id
);
