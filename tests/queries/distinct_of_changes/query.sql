-- A value is there once for as long as any group has it, and goes with the last one.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

CREATE VIEW per_key AS SELECT k, count(*) AS n, max(s) AS s, sum(x) AS total FROM a GROUP BY k;

SELECT DISTINCT n FROM per_key;

SELECT DISTINCT n % 2 AS odd, s FROM per_key;

SELECT count(DISTINCT n) AS kinds FROM per_key;
