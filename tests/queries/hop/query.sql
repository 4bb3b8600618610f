-- Overlapping windows: every row is in four of them.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window.start AS at, camera, people, mean FROM (
    SELECT hop(interval '5 seconds', interval '20 seconds') AS window, camera, sum(people) AS people, avg(people) AS mean
    FROM frames GROUP BY window, camera);
