-- The last frame of each camera.
CREATE TABLE frames (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, people INT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'frames', type = 'source');
SELECT DISTINCT ON (camera) camera, people FROM frames ORDER BY camera, ts DESC;
