-- The busiest frames of each window.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window_start, window_end, place, camera, people, track FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY people DESC, camera, track, ts) AS place
    FROM TUMBLE(TABLE frames, DESCRIPTOR(ts), interval '10 seconds'))
WHERE place <= 2;
