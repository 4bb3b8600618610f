CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
SELECT * FROM TUMBLE(DATA => TABLE orders, TIMECOL => DESCRIPTOR(ts), WIDTH => interval '1 minute');
