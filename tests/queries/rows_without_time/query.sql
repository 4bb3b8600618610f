-- Rows that have no event time are joined however old the watermark would make them: names of a table without a
-- watermark, a constant, and the sum of no rows.
SET updating_ttl = interval '10 days';

CREATE TABLE reading (ts TIMESTAMP NOT NULL, k BIGINT, x BIGINT,
    WATERMARK FOR ts AS (ts - INTERVAL '1 second'))
    WITH (connector = 'single_file', path = 'reading.json', type = 'source');
CREATE TABLE name (k BIGINT, name TEXT) WITH (connector = 'single_file', path = 'name.json', type = 'source');

SELECT reading.ts, reading.x, name.name FROM reading JOIN name ON reading.k = name.k;

SELECT reading.ts, limits.least FROM reading JOIN (VALUES (1, 5), (2, 0)) AS limits(k, least)
ON reading.k = limits.k AND reading.x >= limits.least;

SELECT reading.ts, total.x FROM reading CROSS JOIN (SELECT sum(x) AS x FROM reading WHERE x > 1000) AS total;
