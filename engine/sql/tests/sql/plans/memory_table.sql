CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE TABLE people (camera TEXT, n BIGINT);
INSERT INTO people SELECT camera_id, persons FROM frames;
INSERT INTO out SELECT camera, sum(n) FROM people GROUP BY tumble(interval '1 minute'), camera;
