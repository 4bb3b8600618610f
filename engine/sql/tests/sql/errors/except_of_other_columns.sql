CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT k, amount FROM orders EXCEPT ALL SELECT k FROM orders;
