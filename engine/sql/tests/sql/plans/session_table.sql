CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

-- Grouped as it is partitioned it is session(); otherwise the rows of each session are collected first.
SELECT window_start, window_end, k, sum(amount) AS total
FROM SESSION(TABLE orders PARTITION BY k, DESCRIPTOR(ts), interval '1 minute')
GROUP BY window_start, window_end, k;

SELECT * FROM SESSION(TABLE orders PARTITION BY k, DESCRIPTOR(ts), interval '1 minute');
