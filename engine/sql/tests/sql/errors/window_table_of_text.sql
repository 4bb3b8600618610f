CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT * FROM TUMBLE(TABLE orders, DESCRIPTOR(ts), '1 minute');
