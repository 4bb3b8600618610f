-- A named query is computed once, and read on both sides of a join: rows, results of windows, and results that change.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

WITH positive AS (SELECT k, s, x FROM a WHERE x >= 0)
SELECT l.k AS k, l.s AS s, l.x AS x, r.s AS other FROM positive AS l JOIN positive AS r ON l.k = r.k AND l.x < r.x;

CREATE VIEW per_window AS
SELECT tumble(interval '10 seconds') AS window, k, count(*) AS n FROM a GROUP BY window, k;

SELECT l.window.start AS at, l.k AS k, r.k AS other, l.n AS n
FROM per_window AS l JOIN per_window AS r ON l.window = r.window AND l.n = r.n WHERE l.k < r.k;

WITH per_key AS (SELECT k, count(*) AS n, sum(x) AS total FROM a GROUP BY k),
    most AS (SELECT max(n) AS n FROM per_key)
SELECT l.k AS k, r.k AS other, l.total AS total, most.n AS most
FROM per_key AS l LEFT JOIN per_key AS r ON l.n = r.n AND l.k <> r.k CROSS JOIN most;
