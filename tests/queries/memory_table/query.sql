-- One INSERT into a table in memory, two queries that read it, with the event time of what was inserted; and a table of
-- constants.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

CREATE TABLE large (name TEXT, n BIGINT, k BIGINT);
CREATE TABLE limits (k BIGINT, least BIGINT, note TEXT);

INSERT INTO large (k, name, n) SELECT k, s, x FROM a WHERE x > 0 OR x IS NULL;
INSERT INTO limits VALUES (1, 5, 'one'), (2, NULL, 'two'), (2, 0, NULL), (NULL, 1, 'none'), (9, 9, 'nine');

SELECT window.start AS at, k, n, seen FROM (
    SELECT tumble(interval '10 seconds') AS window, k, sum(n) AS n, count(*) AS seen FROM large GROUP BY window, k);

SELECT name, count(*) AS seen, max(n) AS most FROM large GROUP BY name;

SELECT large.k, large.n, limits.least, limits.note
FROM large LEFT JOIN limits ON large.k = limits.k AND large.n >= limits.least;
