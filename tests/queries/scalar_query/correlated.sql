-- A value for each row, found by its key: null where the key is null or has no row. A count is zero then.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

SELECT ts, k, x, (SELECT max(b.x) FROM b WHERE b.k = a.k) AS most, (SELECT count(*) FROM b WHERE b.k = a.k) AS found
FROM a;
