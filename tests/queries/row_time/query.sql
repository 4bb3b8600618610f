-- The event time of a row, of a window's result, of a pair and of what comes through a union.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

SELECT row_time() AS at, k, x FROM a WHERE row_time() >= TIMESTAMP '2024-01-01T00:00:05';

SELECT row_time() AS last, k, n, until FROM (
    SELECT window.end AS until, k, n FROM (
        SELECT tumble(interval '10 seconds') AS window, k, count(*) AS n FROM a GROUP BY window, k));

SELECT window.start AS at, k, first, last FROM (
    SELECT tumble(interval '10 seconds') AS window, k, min(row_time()) AS first, max(row_time()) AS last
    FROM a GROUP BY window, k);

SELECT row_time() AS at, a.x, b.x AS other FROM a JOIN b
ON a.k = b.k AND a.ts BETWEEN b.ts - interval '5 seconds' AND b.ts + interval '5 seconds';

SELECT row_time() AS at, k FROM (SELECT k FROM a UNION ALL SELECT k FROM b);
