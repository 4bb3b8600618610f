-- How many people were there in the last minute? Every ten seconds, for each camera, over the minute before.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE MATERIALIZED VIEW people_last_minute WITH (retention = interval '1 hour') AS
SELECT window.start AS minute_start, window.end AS minute_end, device_id, camera_id, people_mean, people_max
FROM (
    SELECT
        hop(interval '10 seconds', interval '1 minute') AS window,
        device_id,
        camera_id,
        avg(persons_detected) AS people_mean,
        max(persons_detected) AS people_max
    FROM edge_frames
    GROUP BY window, device_id, camera_id
);
