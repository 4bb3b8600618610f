-- Places among results that change: whole, the first two of each key, and among groups of no key.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

CREATE VIEW pairs AS SELECT k, s, count(*) AS n, sum(x) AS total FROM a GROUP BY k, s;

SELECT k, s, n, rank() OVER (PARTITION BY k ORDER BY n DESC) AS place,
    dense_rank() OVER (PARTITION BY k ORDER BY total DESC NULLS LAST) AS by_total
FROM pairs;

SELECT k, s, n, place FROM (
    SELECT *, row_number() OVER (PARTITION BY k ORDER BY n DESC, s NULLS FIRST) AS place FROM pairs)
WHERE place <= 2;

SELECT s, seen, rank() OVER (ORDER BY seen DESC) AS place
FROM (SELECT s, sum(n) AS seen FROM pairs GROUP BY s);

-- A frame over changes.
SELECT k, s, n, sum(n) OVER (PARTITION BY k ORDER BY s ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS near FROM pairs;
