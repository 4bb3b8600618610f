-- A rank over all rows: no columns tell partitions apart.
CREATE TABLE c (ts TIMESTAMP NOT NULL, k BIGINT, j BIGINT NOT NULL, s TEXT, x BIGINT, y DOUBLE, z DOUBLE, b BOOLEAN,
    WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'c.json', type = 'source');

SELECT q14.* FROM (SELECT q13.c12, ROW_NUMBER() OVER (ORDER BY q13.c12 DESC NULLS LAST) AS n15 FROM (SELECT hop(interval '2 seconds', interval '2 seconds') AS w11, q10.c7 AS c12 FROM (SELECT t1.ts AS c2, t1.k AS c3, t1.j AS c4, t1.s AS c5, t1.x AS c6, t1.y AS c7, t1.z AS c8, t1.b AS c9 FROM c AS t1 WHERE t1.j >= coalesce(t1.k, t1.j, 0)) AS q10 GROUP BY hop(interval '2 seconds', interval '2 seconds'), q10.c7) AS q13) AS q14 WHERE q14.n15 <= 5;
