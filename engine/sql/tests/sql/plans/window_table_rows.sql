CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

-- Every row with each of its windows; ranked within them, and joined by them.
CREATE VIEW rows_in_windows AS
SELECT * FROM CUMULATE(TABLE orders, DESCRIPTOR(ts), interval '10 seconds', interval '1 minute');

SELECT * FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY amount DESC) AS place
    FROM rows_in_windows)
WHERE place <= 3;

SELECT a.k, a.amount, b.amount AS other FROM rows_in_windows AS a JOIN rows_in_windows AS b
ON a.window_start = b.window_start AND a.window_end = b.window_end AND a.k = b.k;

SELECT k, count(*) AS n FROM rows_in_windows GROUP BY k;

SELECT window_end, max(window_end) AS latest FROM TUMBLE(TABLE orders, DESCRIPTOR(ts), interval '1 minute')
GROUP BY window_start, window_end;
