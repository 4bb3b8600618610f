CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

-- What a view gives early comes out once, when it is final.
CREATE VIEW early AS
SELECT tumble(interval '1 minute') AS window, k, sum(amount) AS total FROM orders GROUP BY window, k EMIT CHANGES;

SELECT window.start AS at, k, total FROM early EMIT ON WINDOW CLOSE;
