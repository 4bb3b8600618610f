CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

CREATE MATERIALIZED VIEW totals AS SELECT k, sum(amount) AS total FROM orders GROUP BY k
EMIT CHANGES EVERY interval '200 milliseconds';

SELECT k FROM orders AS emit EMIT CHANGES;
