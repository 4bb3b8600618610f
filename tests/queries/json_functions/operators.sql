-- What each operator and function gives of objects, lists, texts, nulls and texts that are no JSON.
CREATE TABLE events (value TEXT)
    WITH (connector = 'single_file', path = 'events.json', format = 'raw_string', type = 'source');

CREATE TABLE looked WITH (connector = 'blackhole');

INSERT INTO looked
SELECT value -> 'camera' AS camera, value -> 'camera' -> 'id' AS id, value -> 'camera' ->> 'id' AS id_text,
       value ->> 'count' AS count_text, value -> 1 AS second, value -> 1 -> 'count' AS second_count,
       value ? 'camera' AS has_camera, json_get(value, 'boxes', 0, 'class') AS class,
       json_get_str(value, 'count') AS str, json_get_int(value, 'count') AS int, json_get_float(value, 'count') AS float,
       json_get_bool(value, 'ok') AS bool, json_get_json(value, 'boxes') AS boxes,
       json_contains(value, 'camera', 'zone') AS has_zone, json_length(value) AS length,
       json_length(value -> 'boxes') AS box_count, json_as_text(value, 'note') AS note,
       json_object_keys(value -> 'camera') AS keys
FROM events;

-- Operators bind more tightly than comparisons, arithmetic and concatenation.
CREATE TABLE bound WITH (connector = 'blackhole');

INSERT INTO bound
SELECT value ->> 'count' || '!' AS shout, value -> 'camera' ->> 'id' = 'c1' AS is_c1,
       value ->> 'camera' IS NULL AS no_camera, value ->> 'ts' LIKE '%:21' AS at_21
FROM events
WHERE value ->> 'ts' > '2023-11-14T22:13:20' AND NOT value ? 'ok';
