-- Late rows are collected from a source whatever it is called.
CREATE TABLE late WITH (connector = 'print');
CREATE TABLE "The ""Gate""" (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'gate', type = 'source', late_sink = 'late');
SELECT tumble(interval '1 minute') AS window, count(*) AS rows FROM "The ""Gate""" GROUP BY window;
