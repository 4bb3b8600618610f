-- Early results grouped by their window again.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window.end AS until, max(people) AS most, count(*) AS cameras FROM (
    SELECT tumble(interval '10 seconds') AS window, camera, sum(people) AS people
    FROM frames GROUP BY window, camera)
GROUP BY window
EMIT CHANGES EVERY interval '5 milliseconds';
