CREATE TABLE log (value JSON, n BIGINT) WITH (connector = 'log', topic = 't');

SELECT value, n -> 'a' FROM log;
