-- Two inserts into one table are written together: rows that only come, and changes beside rows that only come.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

CREATE TABLE grows (k BIGINT, x BIGINT) WITH (connector = 'single_file', path = 'grows.json', type = 'sink');
CREATE TABLE changes (k BIGINT, x BIGINT)
    WITH (connector = 'single_file', path = 'changes.json', format = 'debezium_json', type = 'sink');

INSERT INTO grows SELECT k, x FROM a WHERE x > 4;
INSERT INTO grows (x, k) SELECT x, k FROM b;

INSERT INTO changes SELECT k, count(*) FROM a GROUP BY k;
INSERT INTO changes SELECT k, x FROM b WHERE x IS NOT NULL;
