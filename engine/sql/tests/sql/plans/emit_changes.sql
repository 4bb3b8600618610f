CREATE TABLE orders (ts TIMESTAMP NOT NULL, k BIGINT, amount BIGINT, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'orders', type = 'source');

-- Every change of a window once in ten seconds, and another sink that gets each window once.
CREATE TABLE early WITH (connector = 'print');
CREATE TABLE late WITH (connector = 'print');

INSERT INTO early
SELECT tumble(interval '1 minute') AS window, k, sum(amount) AS total FROM orders GROUP BY window, k
EMIT CHANGES EVERY interval '10 seconds';

INSERT INTO late
SELECT tumble(interval '1 minute') AS window, k, sum(amount) AS total FROM orders GROUP BY window, k
EMIT ON WINDOW CLOSE;
