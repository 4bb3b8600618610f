-- QUALIFY keeps rows by their window functions, whether or not they are selected.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT ts, k, x FROM a QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts DESC, x, s) <= 2;

SELECT k, s, count(*) AS n, rank() OVER (PARTITION BY k ORDER BY count(*) DESC) AS place
FROM a GROUP BY k, s QUALIFY place = 1;
