-- The newest reading of each sensor, and the greatest of each hour and sensor.
CREATE TABLE readings (ts TIMESTAMP, sensor TEXT, value BIGINT, WATERMARK FOR ts AS (ts - INTERVAL '10 seconds'))
    WITH (connector = 'single_file', path = 'readings.json', type = 'source');

SELECT DISTINCT ON (sensor) sensor, value, ts FROM readings ORDER BY sensor, ts DESC, value DESC NULLS LAST;

SELECT DISTINCT ON (sensor, hour) sensor, hour, value
FROM (SELECT sensor, date_trunc('hour', ts) AS hour, value FROM readings)
ORDER BY sensor, hour, value DESC NULLS LAST;
