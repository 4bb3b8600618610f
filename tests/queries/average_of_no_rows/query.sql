-- The first result is the average of no rows, of a decimal.
CREATE TABLE c (ts TIMESTAMP NOT NULL, k BIGINT, j BIGINT NOT NULL, s TEXT, x BIGINT, y DOUBLE, z DOUBLE, b BOOLEAN,
    WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'c.json', type = 'source');

SELECT count(q17.n16) AS c18, count(q17.n16) AS c19, avg((q17.c12 + q17.n16)) AS c20 FROM (SELECT q15.* FROM (SELECT q14.w11, q14.c12, q14.c13, RANK() OVER (PARTITION BY q14.w11, q14.c12 ORDER BY q14.c12 ASC NULLS FIRST) AS n16 FROM (SELECT cumulate(interval '2 seconds', interval '12 seconds') AS w11, q10.c6 AS c12, q10.c9 AS c13 FROM (SELECT t1.ts AS c2, t1.k AS c3, t1.j AS c4, t1.s AS c5, t1.x AS c6, t1.y AS c7, t1.z AS c8, t1.b AS c9 FROM c AS t1 WHERE t1.s >= coalesce(t1.s, 'none')) AS q10 GROUP BY cumulate(interval '2 seconds', interval '12 seconds'), q10.c6, q10.c9 HAVING count(q10.c5) > 0) AS q14) AS q15 WHERE q15.n16 <= 1) AS q17;
