-- A cast reads the type from the JSON: what is of another kind is null and fails nothing.
CREATE TABLE events (value JSON)
    WITH (connector = 'single_file', path = 'events.json', format = 'raw_string', type = 'source');

SELECT CAST(value -> 'count' AS INT) AS int, CAST(json_get(value, 'count') AS DOUBLE) AS double,
       (value -> 'ok')::BOOLEAN AS bool, CAST(value -> 'camera' -> 'id' AS TEXT) AS text,
       CAST(value -> 'ts' AS TIMESTAMP) AS at, CAST(value -> 'boxes' -> 0 -> 'score' AS DECIMAL(5, 2)) AS score,
       TRY_CAST(value -> 'count' AS SMALLINT) AS small, (value -> 'count')::BIGINT + 1 AS next
FROM events;
