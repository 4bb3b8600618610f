-- The first rows of an input that ends, in an order that leaves nothing open: of rows, and of a result that changes.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT ts, k, s, x FROM a ORDER BY x DESC NULLS LAST, ts, k NULLS FIRST, s LIMIT 5 OFFSET 3;

SELECT k, count(*) AS n, sum(x) AS total FROM a GROUP BY k ORDER BY n DESC, k NULLS FIRST LIMIT 3;

SELECT k, x FROM a WHERE k IS NOT NULL ORDER BY x NULLS FIRST, k OFFSET 10;

SELECT x FROM a ORDER BY x DESC NULLS LAST LIMIT 100 OFFSET 12;
