CREATE TABLE log (value JSON, n BIGINT) WITH (connector = 'log', topic = 't');

SELECT get_first_json_object(value, value) FROM log;
