-- What was looked up is the key of the next table; the key is an expression.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE TEMPORARY TABLE cameras (id TEXT PRIMARY KEY, room TEXT, floor BIGINT, active BOOLEAN)
    WITH (connector = 'single_file', path = 'cameras.json');

CREATE TEMPORARY TABLE rooms (room TEXT PRIMARY KEY, square_meters DOUBLE)
    WITH (connector = 'single_file', path = 'rooms.csv', format = 'csv');

SELECT f.track, c.room, r.square_meters, people / r.square_meters AS density
FROM frames f
LEFT JOIN cameras c ON c.id = 'c' || CAST(f.track AS TEXT)
LEFT JOIN rooms r ON r.room = c.room;
