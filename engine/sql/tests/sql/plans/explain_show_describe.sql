CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE VIEW v AS SELECT camera_id, row_time() AS at FROM frames;
EXPLAIN INSERT INTO out SELECT * FROM v WHERE camera_id LIKE 'gate-%';
SHOW TABLES;
DESCRIBE frames;
DESC v;
SET parallelism = 2;
