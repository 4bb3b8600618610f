CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
WITH busy AS (SELECT camera_id AS name, persons FROM frames WHERE persons > 3),
     idle AS (SELECT camera_id, persons FROM frames WHERE persons = 0)
SELECT * FROM busy UNION ALL SELECT * FROM idle UNION ALL SELECT name, persons + 1 FROM busy;
