CREATE TABLE log (value JSON, n BIGINT) WITH (connector = 'log', topic = 't');

SELECT n, extract_json_string(value, '$[''a'']x') FROM log;
