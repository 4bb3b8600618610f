-- What both have, once: nulls are equal here, and results that change come in and go out again.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

SELECT k, x FROM a INTERSECT SELECT k, x FROM b;

SELECT k FROM a INTERSECT SELECT k FROM b;

SELECT k, count(*) AS n FROM a GROUP BY k INTERSECT SELECT k, count(*) AS n FROM b GROUP BY k;

SELECT count(*) AS n FROM a GROUP BY k INTERSECT SELECT x FROM b;

SELECT k FROM a WHERE x > 0 INTERSECT SELECT k FROM b INTERSECT SELECT k FROM a WHERE s = 'b';
