-- Every row once for each window that it falls in, with what it had before.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window_start, window_end, window_time, ts, camera, people
FROM HOP(TABLE frames, DESCRIPTOR(ts), interval '4 seconds', interval '10 seconds', interval '1 second') AS f
WHERE f.people > 5;
