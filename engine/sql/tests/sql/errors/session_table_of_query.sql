CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
WITH big AS (SELECT * FROM orders WHERE amount > 10)
SELECT * FROM SESSION(TABLE big PARTITION BY k, DESCRIPTOR(ts), interval '1 minute');
