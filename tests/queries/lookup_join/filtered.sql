-- What is asked of the looked-up row, and of the pair, beside the key: before the join, in it and after it.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

CREATE TEMPORARY TABLE cameras (id TEXT PRIMARY KEY, room TEXT, floor BIGINT, active BOOLEAN)
    WITH (connector = 'single_file', path = 'cameras.json');

CREATE TABLE before WITH (connector = 'blackhole');
CREATE TABLE within WITH (connector = 'blackhole');
CREATE TABLE after WITH (connector = 'blackhole');

INSERT INTO before
SELECT f.camera, people, a.room, a.above FROM frames f
LEFT JOIN (SELECT id, upper(room) AS room, floor + 1 AS above FROM cameras WHERE active) a ON a.id = f.camera;

INSERT INTO within
SELECT f.camera, people, c.room FROM frames f LEFT JOIN cameras c ON f.camera = c.id AND f.people > c.floor + 3 AND c.active;

INSERT INTO after
SELECT f.camera, people, c.room FROM frames f JOIN cameras c ON f.camera = c.id WHERE c.floor < f.people AND c.room <> 'hall';
