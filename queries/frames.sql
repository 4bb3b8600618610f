-- What did each camera see, frame by frame? The archive for notebooks: every frame with its number of people, how long
-- the network took and what that cost, by day and device.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE TABLE frames WITH (
    connector = 'filesystem',
    path = 'tables/frames',
    format = 'parquet',
    partition_fields = [day, device_id],
    'rolling.interval' = interval '30 seconds'
);

INSERT INTO frames
SELECT CAST(ts AS DATE) AS day, *
FROM edge_frames;
