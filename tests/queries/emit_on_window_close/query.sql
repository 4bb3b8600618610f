-- Each result once, also of a query that would give it early.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE VIEW early AS
SELECT tumble(interval '10 seconds') AS window, camera, count(*) AS frames
FROM frames GROUP BY window, camera
EMIT CHANGES;

SELECT window.start AS at, camera, frames FROM early
EMIT ON WINDOW CLOSE;
