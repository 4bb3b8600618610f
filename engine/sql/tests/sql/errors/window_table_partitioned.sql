CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT * FROM HOP(TABLE orders PARTITION BY k, DESCRIPTOR(ts), interval '1 second', interval '1 minute');
