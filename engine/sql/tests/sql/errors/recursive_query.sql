CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
WITH RECURSIVE steps(n) AS (
    SELECT k FROM orders
    UNION ALL
    SELECT n + 1 FROM steps WHERE n < 10
)
SELECT n, count(*) AS times FROM steps GROUP BY n;
