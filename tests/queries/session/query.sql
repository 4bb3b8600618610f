-- Sessions by key, which end when a track has not been seen for a while.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window.start AS first, window.end AS last, track, n FROM (
    SELECT session(interval '3 seconds') AS window, track, count(*) AS n FROM frames GROUP BY window, track);
