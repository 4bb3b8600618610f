-- Sessions of each camera, and of all rows together; grouped as they are, and by something else.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE VIEW busy AS SELECT ts, camera, people, track FROM frames WHERE people > 7;

SELECT window_start, window_end, camera, count(*) AS frames
FROM SESSION(TABLE busy PARTITION BY camera, DESCRIPTOR(ts), interval '3 seconds')
GROUP BY window_start, window_end, camera;

SELECT window_start, window_end, track, count(*) AS frames
FROM SESSION(TABLE busy PARTITION BY camera, DESCRIPTOR(ts), interval '3 seconds')
GROUP BY window_start, window_end, track;

SELECT * FROM SESSION(TABLE busy, DESCRIPTOR(ts), interval '500 milliseconds');
