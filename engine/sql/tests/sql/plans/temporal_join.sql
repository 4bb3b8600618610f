CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
CREATE TABLE rates (ts TIMESTAMP NOT NULL, k BIGINT NOT NULL, rate BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'rates', type = 'source');

SELECT o.k, amount * rate AS value
FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.k = r.k;

SELECT o.k, rate
FROM orders AS o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.k = r.k AND r.rate > o.amount;
