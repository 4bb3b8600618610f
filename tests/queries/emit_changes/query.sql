-- Results of open windows, taken back as rows come: folded, they are what the windows close with.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE VIEW per_camera AS
SELECT hop(interval '5 seconds', interval '20 seconds') AS window, camera, sum(people) AS people, count(*) AS frames
FROM frames GROUP BY window, camera
EMIT CHANGES EVERY interval '3 milliseconds';

SELECT window.start AS at, camera, people, frames FROM per_camera WHERE people > 20;
