CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

-- Three ways to say one thing: a single plan.
SELECT hop(ts, interval '10 seconds', interval '1 minute')['start'] AS window_start,
       hop(ts, interval '10 seconds', interval '1 minute')['end'] AS window_end, k, sum(amount) AS total
FROM orders WHERE amount > 0 GROUP BY hop(ts, interval '10 seconds', interval '1 minute'), k;

SELECT window_start, window_end, k, sum(amount) AS total
FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), interval '10 seconds', interval '1 minute'))
WHERE amount > 0
GROUP BY window_start, window_end, k;

SELECT o.window_start, o.window_end, k, sum(amount) AS total
FROM HOP(DATA => TABLE orders, TIMECOL => DESCRIPTOR(ts), SIZE => interval '1 minute', SLIDE => interval '10 seconds') AS o
WHERE amount > 0
GROUP BY o.window_start, o.window_end, k;
