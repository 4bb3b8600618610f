-- NOT EXISTS is true where nothing is equal, a null key among it; what it asks about may change.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

SELECT ts, k, x FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k);

SELECT ts, k, x FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.x > a.x);

SELECT ts, k FROM a
WHERE NOT EXISTS (
    SELECT 1 FROM (SELECT k, count(*) AS n FROM b GROUP BY k) AS often WHERE often.k = a.k AND often.n > 1);

SELECT k, n FROM (SELECT k, count(*) AS n FROM a GROUP BY k) AS often
WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = often.n);

SELECT ts, k FROM a WHERE k IS NULL OR EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.x IS NULL);
