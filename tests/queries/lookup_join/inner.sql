-- Rows whose key is looked up, those without one left out; then what a window makes of them.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE TEMPORARY TABLE cameras (id TEXT PRIMARY KEY, room TEXT, floor BIGINT, active BOOLEAN)
    WITH (connector = 'single_file', path = 'cameras.json');

SELECT window.start AS at, room, n, people FROM (
    SELECT tumble(interval '10 seconds') AS window, c.room, count(*) AS n, sum(f.people) AS people
    FROM frames f JOIN cameras c ON f.camera = c.id
    GROUP BY window, c.room);
