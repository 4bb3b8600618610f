CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
CREATE TABLE names (k BIGINT, name TEXT) WITH (connector = 'log', topic = 'names', type = 'source');
SELECT * FROM orders AS o JOIN names FOR SYSTEM_TIME AS OF o.ts AS n ON o.k = n.k;
