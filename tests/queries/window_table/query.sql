-- Grouping by the columns of a window table is grouping by the window.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT window_start, window_end, camera, sum(people) AS people, count(DISTINCT track) AS tracks
FROM TABLE(HOP(TABLE frames, DESCRIPTOR(ts), interval '5 seconds', interval '20 seconds'))
WHERE people > 1
GROUP BY window_start, window_end, camera
HAVING count(*) > 2;
