-- Both sides change, and each row stands alone until it has a partner and once it has lost it. Nulls have none.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

CREATE VIEW of_a AS SELECT k, count(*) AS n, sum(x) AS total FROM a GROUP BY k;
CREATE VIEW of_b AS SELECT k, count(*) AS n, sum(x) AS total FROM b GROUP BY k;

SELECT of_a.k AS k, of_b.k AS other, of_a.n AS n, of_b.total AS total FROM of_a FULL JOIN of_b ON of_a.k = of_b.k;

-- A condition that pairs meet for a while.
SELECT of_a.k AS k, of_b.k AS other, of_a.n AS n, of_b.n AS m
FROM of_a FULL JOIN of_b ON of_a.k = of_b.k AND of_a.n <= of_b.n;

-- By what is counted, which has several rows on both sides.
SELECT of_a.k AS k, of_b.k AS other, of_a.n AS n, of_b.n AS m FROM of_a FULL JOIN of_b ON of_a.n = of_b.n;
