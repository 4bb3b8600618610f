-- Functions of a row's neighbours, over the rows of a key so far and over those of a window.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT ts, k, s, x, lag(x) OVER (PARTITION BY k ORDER BY ts, s, x) AS before,
    lag(x, 2, -1) OVER (PARTITION BY k ORDER BY ts, s, x) AS before_that,
    lead(s) OVER (PARTITION BY k ORDER BY ts, s, x) AS after
FROM a;

SELECT ts, k, s, x, ntile(2) OVER (PARTITION BY k ORDER BY ts, s, x) AS half,
    ntile(4) OVER (ORDER BY ts DESC, k, s, x) AS quarter
FROM a;

SELECT window_start, k, s, x, lag(x) OVER (PARTITION BY window_start, window_end ORDER BY ts, k, s, x) AS before
FROM HOP(TABLE a, DESCRIPTOR(ts), interval '5 seconds', interval '10 seconds');

SELECT window_start, k, s, x,
    ntile(3) OVER (PARTITION BY window_start, window_end, k ORDER BY ts, s, x) AS third
FROM HOP(TABLE a, DESCRIPTOR(ts), interval '5 seconds', interval '10 seconds');
