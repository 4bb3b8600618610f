CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT * FROM TUMBLE((SELECT * FROM TUMBLE(TABLE orders, DESCRIPTOR(ts), interval '1 minute')), DESCRIPTOR(ts), interval '1 hour');
