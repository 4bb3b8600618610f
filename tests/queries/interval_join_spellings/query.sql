-- The same interval in other words.
CREATE TABLE orders (ts TIMESTAMP, id BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '30 seconds'))
    WITH (connector = 'single_file', path = 'orders.json', type = 'source');
CREATE TABLE payments (ts TIMESTAMP, order_id BIGINT, amount BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '30 seconds'))
    WITH (connector = 'single_file', path = 'payments.json', type = 'source');

SELECT o.id, p.amount FROM orders o LEFT JOIN payments p ON o.id = p.order_id
    AND p.ts - o.ts BETWEEN INTERVAL '0 seconds' AND INTERVAL '2 minutes';

SELECT o.id, p.amount FROM orders o FULL JOIN payments p ON o.id = p.order_id
    AND p.ts >= o.ts AND INTERVAL '2 minutes' + o.ts > p.ts;

SELECT o.id FROM orders o WHERE NOT EXISTS (
    SELECT 1 FROM payments p WHERE o.id = p.order_id AND INTERVAL '-2 minutes' <= o.ts - p.ts AND o.ts <= p.ts);

SELECT o.id, p.amount FROM orders o JOIN payments p ON o.id = p.order_id
    AND CAST(p.ts AS TIMESTAMP(0)) = CAST(o.ts AS TIMESTAMP(0));
