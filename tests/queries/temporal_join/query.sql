-- Each row with the version that held at its time; of two of the same time, the greater.
CREATE TABLE orders (ts TIMESTAMP, id BIGINT, currency TEXT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'orders.json', type = 'source');
CREATE TABLE rates (ts TIMESTAMP, currency TEXT, rate BIGINT, note TEXT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'rates.json', type = 'source');

SELECT o.id, o.currency, amount * rate AS value, note, r.ts AS since
FROM orders AS o JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency;

SELECT o.id, r.rate, r.note
FROM orders AS o LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON o.currency = r.currency AND r.rate > 10;

SELECT id, rates.note
FROM orders JOIN rates FOR SYSTEM_TIME AS OF orders.ts ON orders.currency = rates.currency AND rates.rate < amount;
