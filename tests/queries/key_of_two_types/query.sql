-- A key that is a decimal of another precision than its function says when the query is bound.
CREATE TABLE a (ts TIMESTAMP NOT NULL, k BIGINT, j BIGINT NOT NULL,
    WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT * FROM (
    SELECT k, nullif(n * 2, n - n) AS twice
    FROM (SELECT k, j, ROW_NUMBER() OVER (PARTITION BY k ORDER BY j) AS n FROM a) WHERE n <= 3
) AS ranked
WHERE EXISTS (SELECT 1 FROM a WHERE a.j = ranked.twice);
