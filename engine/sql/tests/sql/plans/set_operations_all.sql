CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
CREATE TABLE rates (ts TIMESTAMP NOT NULL, k BIGINT NOT NULL, rate BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'rates', type = 'source');

SELECT k FROM orders EXCEPT ALL SELECT k FROM rates;
SELECT k FROM orders INTERSECT ALL SELECT k FROM rates;
