-- Columns of type JSON: event times out of JSON, keys and aggregates out of JSON, and a row an element of a list.
CREATE TABLE events (
    value JSON,
    ts TIMESTAMP GENERATED ALWAYS AS (CAST(value -> 'ts' AS TIMESTAMP)),
    WATERMARK FOR ts
) WITH (connector = 'single_file', path = 'valid.json', format = 'json', 'json.unstructured' = 'true', type = 'source');

CREATE TABLE per_camera WITH (connector = 'blackhole');

INSERT INTO per_camera
SELECT window.start AS at, camera, people, n FROM (
    SELECT tumble(interval '10 seconds') AS window, value -> 'camera' ->> 'id' AS camera,
           sum((value -> 'count')::BIGINT) AS people, count(*) AS n
    FROM events GROUP BY window, camera);

CREATE TABLE per_class WITH (connector = 'blackhole');

INSERT INTO per_class
SELECT box ->> 'class' AS class, max((box -> 'score')::DOUBLE) AS score, count(*) AS n
FROM (SELECT unnest(extract_json(value, '$.boxes[*]')) AS box FROM events)
GROUP BY box ->> 'class';

-- Grouped by what is JSON itself.
CREATE TABLE per_zone WITH (connector = 'blackhole');

INSERT INTO per_zone SELECT value -> 'camera' -> 'zone' AS zone, count(*) AS n FROM events GROUP BY value -> 'camera' -> 'zone';
