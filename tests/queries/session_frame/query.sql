-- Frames of rows within a session: the last three rows, and all so far.
CREATE TABLE a (ts TIMESTAMP, k BIGINT, s TEXT, x BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'a.json', type = 'source');

SELECT window_start, window_end, ts, k, s, x,
    sum(x) OVER (PARTITION BY window_start, window_end, k ORDER BY ts, s, x ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)
        AS of_three,
    count(x) OVER (PARTITION BY window_start, window_end, k ORDER BY ts, s, x
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
FROM SESSION(TABLE a PARTITION BY k, DESCRIPTOR(ts), interval '8 seconds');

-- Results of sessions, beside those of other keys whose session is the same.
SELECT window.start AS first, k, n,
    sum(n) OVER (PARTITION BY window ORDER BY k ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS near
FROM (SELECT session(interval '5 seconds') AS window, k, count(*) AS n FROM a GROUP BY window, k);
