-- The older way to name the event time, with the watermark in a column of its own and a second behind.
CREATE TABLE given (at TIMESTAMP NOT NULL, wm TIMESTAMP, k BIGINT, x BIGINT)
    WITH (connector = 'single_file', path = 'given.json', type = 'source',
          event_time_field = 'at', watermark_field = 'wm');
CREATE TABLE second (at TIMESTAMP, k BIGINT)
    WITH (connector = 'single_file', path = 'second.json', type = 'source', event_time_field = 'at');

SELECT window.start AS since, k, n, total FROM (
    SELECT tumble(interval '10 seconds') AS window, k, count(*) AS n, sum(x) AS total FROM given GROUP BY window, k);

SELECT window.start AS since, k, n FROM (
    SELECT tumble(interval '10 seconds') AS window, k, count(*) AS n FROM second GROUP BY window, k);

SELECT row_time() AS time, wm, k FROM given;
