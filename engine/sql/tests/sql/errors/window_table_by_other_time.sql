CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT * FROM TUMBLE(TABLE orders, DESCRIPTOR(amount), interval '1 minute');
