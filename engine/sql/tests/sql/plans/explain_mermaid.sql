CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

EXPLAIN (FORMAT mermaid) SELECT k, count(*) AS "how ""many" FROM orders GROUP BY k HAVING count(*) > 1;
EXPLAIN FORMAT text SELECT k FROM orders WHERE k > 1;
EXPLAIN (SELECT k FROM orders);
