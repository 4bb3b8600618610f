-- A row for each element of a list: none for a list that is null or empty, one for an element that is null.
CREATE TABLE r (ts TIMESTAMP, k BIGINT, tags TEXT[], sizes BIGINT[], WATERMARK FOR ts AS (ts - INTERVAL '3 seconds'))
    WITH (connector = 'single_file', path = 'r.json', type = 'source');

SELECT ts, k, unnest(tags) AS tag FROM r;

-- Of two lists beside each other the shorter one is filled up.
SELECT k, unnest(tags) AS tag, unnest(sizes) AS size FROM r;

SELECT window.start AS at, tag, n FROM (
    SELECT tumble(interval '10 seconds') AS window, tag, count(*) AS n
    FROM (SELECT unnest(tags) AS tag FROM r) GROUP BY window, tag);

SELECT tag, count(*) AS n, count(DISTINCT k) AS keys FROM (SELECT k, unnest(tags) AS tag FROM r) GROUP BY tag;

SELECT DISTINCT k, unnest(tags) AS tag FROM r WHERE k < 3;
