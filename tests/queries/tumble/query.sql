-- Tumbling windows by key: distinct and filtered aggregates, nulls among keys and values, HAVING.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window.start AS at, camera, n, people, most, tracks FROM (
    SELECT tumble(interval '10 seconds') AS window, camera, count(*) AS n, sum(people) AS people, max(people) AS most,
           count(DISTINCT track) FILTER (WHERE people > 2) AS tracks
    FROM frames WHERE people < 9 OR people IS NULL GROUP BY window, camera HAVING count(*) > 3);
