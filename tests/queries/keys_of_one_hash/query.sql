-- Keys with a null in one place or the other have the same hash where nulls add nothing to it.
CREATE TABLE pairs (ts TIMESTAMP, a TEXT, b TEXT, n BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'pairs.json', type = 'source');

SELECT a, b, sum(n) AS total, count(*) AS rows FROM pairs GROUP BY a, b;

SELECT a, b, max(n) AS most FROM pairs GROUP BY CUBE (a, b);

SELECT tumble(interval '10 seconds') AS window, a, b, sum(n) AS total FROM pairs GROUP BY window, a, b;

SELECT session(interval '2 seconds') AS window, a, b, count(*) AS rows FROM pairs GROUP BY window, a, b;
