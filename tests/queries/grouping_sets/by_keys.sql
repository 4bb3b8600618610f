-- Sets of keys without a window: nulls that are values stand beside those of keys that a set leaves out, a set can be
-- there twice, and the set of no keys is the row of all rows.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT k, s, grouping(k) AS no_k, grouping(s) AS no_s, count(*) AS n, sum(x) AS total
FROM a GROUP BY GROUPING SETS ((k, s), (k), (k), ());

SELECT k, s, count(DISTINCT x) AS kinds, max(x) AS most FROM a GROUP BY ROLLUP (k, s) HAVING count(*) > 1;

SELECT k, s, avg(x) AS mean, count(*) FILTER (WHERE x > 4) AS large FROM a GROUP BY CUBE (k, s);
