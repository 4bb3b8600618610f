-- A single value that all rows are compared with: it changes as rows come, or it is null.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

SELECT ts, k, x FROM a WHERE x > (SELECT avg(x) FROM b);

SELECT k, x - (SELECT min(x) FROM b WHERE k = 1) AS above FROM a;

SELECT k, x, coalesce(x, (SELECT max(x) FROM b WHERE k > 100)) AS filled FROM a;

SELECT k, count(*) AS n FROM a GROUP BY k HAVING count(*) > (SELECT count(*) FROM b WHERE k = 5);
