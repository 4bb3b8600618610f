CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT * FROM orders AS o JOIN rate FOR SYSTEM_TIME AS OF o.ts AS r ON o.k = r.k;
