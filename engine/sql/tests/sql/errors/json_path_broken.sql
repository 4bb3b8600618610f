CREATE TABLE log (value JSON, n BIGINT) WITH (connector = 'log', topic = 't');

SELECT extract_json(value, '$.a[') FROM log;
