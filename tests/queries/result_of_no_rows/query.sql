-- The count of no rows is corrected after a restart by an aggregate that has forgotten nothing of it.
CREATE TABLE c (ts TIMESTAMP NOT NULL, k BIGINT, j BIGINT NOT NULL, s TEXT, x BIGINT, y DOUBLE, z DOUBLE, b BOOLEAN,
    WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'c.json', type = 'source');

SELECT q13.c12 AS c14, count(*) FILTER (WHERE q13.c12 IN (1, 2, 3, 5)) AS c15, min(q13.c11) AS c16, sum(DISTINCT (q13.c12 * 2)) AS c17 FROM (SELECT count(*) FILTER (WHERE q10.c6 < 8) AS c11, count(q10.c3) AS c12 FROM (SELECT t1.ts AS c2, t1.k AS c3, t1.j AS c4, t1.s AS c5, t1.x AS c6, t1.y AS c7, t1.z AS c8, t1.b AS c9 FROM c AS t1) AS q10) AS q13 GROUP BY q13.c12;
