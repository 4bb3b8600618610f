CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
CREATE TABLE rates (ts TIMESTAMP NOT NULL, k BIGINT NOT NULL, rate BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'rates', type = 'source');

-- With nulls, and without.
SELECT * FROM orders WHERE k NOT IN (SELECT rate FROM rates);
SELECT * FROM rates WHERE k NOT IN (SELECT k FROM rates WHERE rate > 5);
