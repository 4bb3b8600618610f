-- Sets over a result that changes: how many keys came how often, of each text and of all.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT n, s, count(*) AS keys, sum(total) AS total
FROM (SELECT k, s, count(*) AS n, sum(x) AS total FROM a GROUP BY k, s)
GROUP BY CUBE (n, s);
