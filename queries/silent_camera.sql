-- Which camera has gone silent? A row when a camera has sent nothing for fifteen seconds: since when, and how long it
-- had been seen before.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE TABLE silent_camera WITH (
    connector = 'filesystem',
    path = 'tables/silent_camera',
    format = 'parquet',
    'rolling.interval' = interval '10 seconds'
);

INSERT INTO silent_camera
SELECT device_id, camera_id, window.start AS seen_from, window.end - interval '15 seconds' AS silent_since, frames
FROM (
    SELECT session(interval '15 seconds') AS window, device_id, camera_id, count(*) AS frames
    FROM edge_frames
    GROUP BY window, device_id, camera_id
);
