CREATE TABLE frames (
    camera_id TEXT NOT NULL,
    ts TIMESTAMP(3) NOT NULL,
    persons INT,
    confidence DOUBLE,
    WATERMARK FOR ts
) WITH (connector = 'log', topic = 'frames', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out
SELECT tumble(interval '1 minute') AS window,
    count(*) FILTER (WHERE persons > 0) AS busy,
    array_agg(persons ORDER BY ts) AS series,
    first_value(persons ORDER BY ts DESC) AS latest,
    approx_percentile_cont(0.9) WITHIN GROUP (ORDER BY persons) AS p90,
    stddev(confidence) AS spread,
    string_agg(DISTINCT camera_id, ',') AS cameras,
    max(row_time()) AS last_seen
FROM frames GROUP BY window;
