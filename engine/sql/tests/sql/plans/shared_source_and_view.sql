CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
CREATE VIEW seen AS SELECT camera_id, persons FROM frames WHERE persons > 0;
CREATE TABLE other WITH (connector = 'print');
INSERT INTO out SELECT * FROM seen;
INSERT INTO other SELECT camera_id FROM seen;
