-- Every kind of aggregate over no rows: of rows that only come, of a changelog, and where each group's values are null.
CREATE TABLE c (ts TIMESTAMP NOT NULL, k BIGINT, s TEXT, x BIGINT, y DOUBLE, b BOOLEAN,
    WATERMARK FOR ts AS (ts - INTERVAL '4 seconds'))
    WITH (connector = 'single_file', path = 'c.json', type = 'source');

CREATE VIEW decimals AS SELECT *, CAST(x AS DECIMAL(20, 3)) AS d FROM c;

SELECT count(*) AS n, count(x) AS n_x, count(DISTINCT x) AS distinct_x, sum(x) AS sum_x, sum(y) AS sum_y, avg(x) AS avg_x,
    avg(y) AS avg_y, avg(d) AS avg_decimal, min(x) AS min_x, max(s) AS max_s, bool_and(b) AS all_b,
    bool_or(b) AS any_b, stddev(y) AS stddev_y, var_pop(y) AS var_y, corr(x, y) AS corr_xy, covar_pop(x, y) AS covar_xy,
    regr_slope(x, y) AS slope_xy, median(x) AS median_x, approx_distinct(x) AS about_x, bit_and(x) AS bits_x,
    array_agg(x ORDER BY x) AS all_x, string_agg(s, ',' ORDER BY s) AS all_s, first_value(x ORDER BY ts, x) AS first_x,
    last_value(s ORDER BY ts, s) AS last_s
FROM decimals WHERE x > 1000;

SELECT count(*) AS n, sum(n_x) AS sum_n, avg(mean) AS avg_mean, avg(d) AS avg_decimal,
    stddev(mean) AS stddev_mean, var_pop(mean) AS var_mean, corr(n_x, mean) AS corr_n, min(k) AS min_k,
    median(n_x) AS median_n, bool_or(n_x > 1) AS any_n, first_value(k ORDER BY k) AS first_k
FROM (SELECT *, CAST(n_x AS DECIMAL(20, 3)) AS d FROM (SELECT k, count(x) AS n_x, avg(y) AS mean FROM c GROUP BY k)) WHERE n_x > 1000;

SELECT k, avg(x) AS avg_x, avg(d) AS avg_decimal, sum(y) AS sum_y, stddev(y) AS stddev_y,
    corr(x, y) AS corr_xy, median(x) AS median_x, bool_and(b) AS all_b, avg(x) FILTER (WHERE x > 1000) AS avg_large,
    avg(d) FILTER (WHERE x > 1000) AS avg_large_decimal
FROM decimals GROUP BY k;
