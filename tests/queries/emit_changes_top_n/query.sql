-- The first places of windows that are still open.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window.start AS at, place, camera, people FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window ORDER BY people DESC, camera) AS place FROM (
        SELECT tumble(interval '30 seconds') AS window, camera, sum(people) AS people
        FROM frames GROUP BY window, camera))
WHERE place <= 3
EMIT CHANGES;
