-- EXCEPT and INTERSECT, each row once; and with ALL, as often as it was on the left.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, n BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, n BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

SELECT k FROM a EXCEPT SELECT k FROM b;
SELECT k FROM a EXCEPT ALL SELECT k FROM b;
SELECT k FROM a INTERSECT SELECT k FROM b;
SELECT k FROM a INTERSECT ALL SELECT k FROM b;
