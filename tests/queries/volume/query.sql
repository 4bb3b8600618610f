-- Enough rows that batches are cut, tables grow and checkpoints have something to hold.
CREATE TABLE frames (
    counter BIGINT UNSIGNED NOT NULL,
    timestamp TIMESTAMP NOT NULL,
    camera BIGINT UNSIGNED GENERATED ALWAYS AS (counter % 12),
    people BIGINT UNSIGNED GENERATED ALWAYS AS (counter * 7919 % 10),
    WATERMARK FOR timestamp AS (timestamp - INTERVAL '2 seconds')
) WITH (connector = 'impulse', message_count = 60000, event_time_interval = interval '15 milliseconds');

CREATE VIEW per_camera AS
SELECT hop(interval '5 seconds', interval '20 seconds') AS window, camera, count(*) AS n, sum(people) AS people,
       count(DISTINCT people) AS kinds
FROM frames GROUP BY window, camera;

SELECT window.start AS at, camera, n, people, kinds FROM per_camera;

SELECT window.end AS at, place, camera, people FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window ORDER BY people DESC, camera) AS place FROM per_camera)
WHERE place <= 2;
