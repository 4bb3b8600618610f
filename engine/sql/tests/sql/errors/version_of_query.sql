CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
CREATE TABLE rates (ts TIMESTAMP NOT NULL, k BIGINT NOT NULL, rate BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'rates', type = 'source');
WITH r AS (SELECT * FROM rates)
SELECT * FROM orders AS o JOIN r FOR SYSTEM_TIME AS OF o.ts ON o.k = r.k;
