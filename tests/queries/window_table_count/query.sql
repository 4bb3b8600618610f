-- The windows of rows count even where nobody reads them.
CREATE TABLE frames (ts TIMESTAMP, camera TEXT, people BIGINT, track BIGINT, WATERMARK FOR ts)
    WITH (connector = 'single_file', path = '../frames.json', type = 'source');

SELECT camera, count(*) AS rows_in_windows
FROM CUMULATE(DATA => TABLE frames, TIMECOL => DESCRIPTOR(ts), STEP => interval '5 seconds', SIZE => interval '20 seconds')
GROUP BY camera;
