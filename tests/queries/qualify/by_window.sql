-- The first two keys of each window.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT window.start AS at, k, n, total FROM (
    SELECT tumble(interval '10 seconds') AS window, k, count(*) AS n, sum(x) AS total FROM a GROUP BY window, k)
QUALIFY row_number() OVER (PARTITION BY window ORDER BY n DESC, k) <= 2;
