-- Rows without a key, and keys without a row, stay; the order of the columns is the query's.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE TEMPORARY TABLE cameras (id TEXT PRIMARY KEY, room TEXT, floor BIGINT, active BOOLEAN)
    WITH (connector = 'single_file', path = 'cameras.json');

SELECT c.floor, f.camera, c.room, f.people, c.id, c.active FROM frames f LEFT JOIN cameras c ON c.id = f.camera;
