CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
-- RECURSIVE allows a query to read itself, and need not be used.
WITH RECURSIVE merged AS (SELECT k FROM orders UNION ALL SELECT amount FROM orders)
SELECT k FROM merged WHERE k > 1;
