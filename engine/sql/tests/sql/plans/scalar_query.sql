CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

-- The one row of an aggregate over everything is kept for as long as the query runs.
SELECT k, amount FROM orders WHERE amount > (SELECT avg(amount) FROM orders);
