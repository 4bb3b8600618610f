-- Rows of two window tables meet in the same window.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT a.window_start, a.camera AS camera, b.camera AS other, a.track, b.people
FROM TUMBLE(TABLE frames, DESCRIPTOR(ts), interval '2 seconds') AS a
JOIN TUMBLE(TABLE frames, DESCRIPTOR(ts), interval '2 seconds') AS b
    ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.track = b.track
WHERE a.camera < b.camera AND a.people > 6;
