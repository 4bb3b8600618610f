-- NOT IN over columns with nulls: of values, of values with a null among them, and of none.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, n BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'a.json', type = 'source');
CREATE TABLE b (ts TIMESTAMP, k BIGINT, n BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = 'b.json', type = 'source');

-- Nulls on the left are in no list that is not empty.
SELECT n FROM a WHERE k NOT IN (SELECT k FROM b WHERE k IS NOT NULL);

-- Nobody is outside of a list with a null in it.
SELECT count(*) AS none FROM a WHERE k NOT IN (SELECT k FROM b);

-- Everybody is outside of an empty one, null or not.
SELECT n, k FROM a WHERE k NOT IN (SELECT k FROM b WHERE n < 0);

-- What is in the list changes.
SELECT n FROM a WHERE k NOT IN (SELECT max(k) FROM b GROUP BY n % 5);
