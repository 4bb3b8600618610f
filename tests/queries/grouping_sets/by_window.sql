-- Sets that each have the window in them are results of windows, which close.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT window.start AS at, k, s, n, total FROM (
    SELECT tumble(interval '10 seconds') AS window, k, s, count(*) AS n, sum(x) AS total
    FROM a GROUP BY window, ROLLUP (k, s));

SELECT window.start AS at, k, most FROM (
    SELECT hop(interval '5 seconds', interval '10 seconds') AS window, k, max(x) AS most
    FROM a GROUP BY GROUPING SETS ((window, k), (window)));
