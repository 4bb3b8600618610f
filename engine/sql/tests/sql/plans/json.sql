CREATE TABLE log (value JSON, n BIGINT) WITH (connector = 'log', topic = 't');
SELECT value -> 'a' -> 'b' ->> 'c', CAST(value -> 'n' AS INT), (value -> 'a' -> 0)::DOUBLE FROM log WHERE value ? 'a';
SELECT n, unnest(extract_json(value, '$.a[*]')) FROM log WHERE value ->> 'kind' = 'x' AND n > 3;
