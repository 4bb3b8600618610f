-- Paths with names, places and [*], into lists within lists.
CREATE TABLE events (value TEXT)
    WITH (connector = 'single_file', path = 'events.json', format = 'raw_string', type = 'source');

SELECT extract_json(value, '$.boxes[*].class') AS classes, extract_json(value, '$.matrix[*][*]') AS numbers,
       extract_json_string(value, '$.boxes[*].class') AS first_class, extract_json_string(value, '$.count') AS count,
       get_first_json_object(value, '$[''camera'']["zone"]') AS zone, get_first_json_object(value, '$[-1]') AS last
FROM events;
