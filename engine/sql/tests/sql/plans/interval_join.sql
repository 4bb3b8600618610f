-- Within five minutes, in all the ways to say it; a cast to seconds says nothing exact, so that join is updating.
CREATE TABLE orders (ts TIMESTAMP NOT NULL, id BIGINT NOT NULL, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');
CREATE TABLE payments (ts TIMESTAMP NOT NULL, order_id BIGINT NOT NULL, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'payments', type = 'source');
CREATE TABLE out WITH (connector = 'print');
INSERT INTO out SELECT id FROM orders o JOIN payments p ON id = order_id
    AND p.ts BETWEEN o.ts AND o.ts + interval '5 minutes';
INSERT INTO out SELECT id FROM orders o JOIN payments p ON id = order_id
    AND p.ts >= o.ts AND interval '6 minutes' + o.ts > p.ts;
INSERT INTO out SELECT id FROM orders o JOIN payments p ON id = order_id
    AND p.ts - o.ts BETWEEN interval '0 seconds' AND interval '7 minutes';
INSERT INTO out SELECT id FROM orders o JOIN payments p ON id = order_id
    AND interval '-8 minutes' < o.ts - p.ts AND o.ts <= p.ts;
INSERT INTO out SELECT id FROM orders o JOIN payments p ON id = order_id
    AND CAST(p.ts AS TIMESTAMP(0)) = CAST(o.ts AS TIMESTAMP(0));
