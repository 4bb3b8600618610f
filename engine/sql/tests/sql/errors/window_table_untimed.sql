CREATE TABLE names (k BIGINT, name TEXT) WITH (connector = 'log', topic = 'names', type = 'source');
SELECT * FROM TUMBLE(TABLE names, DESCRIPTOR(k), interval '1 minute');
