-- Rows that may be a minute late: windows are corrected; sessions, joins by window and window tables wait. What is too
-- late is so for the windows that somebody reads.
CREATE TABLE late WITH (connector = 'print');
CREATE TABLE seen (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'seen', type = 'source', allowed_lateness = interval '1 minute');
CREATE TABLE felt (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'felt', type = 'source', allowed_lateness = interval '1 minute', late_sink = 'late');
CREATE TABLE heard (ts TIMESTAMP NOT NULL, camera TEXT NOT NULL, WATERMARK FOR ts)
    WITH (connector = 'log', topic = 'heard', type = 'source');
CREATE VIEW both AS SELECT * FROM seen UNION ALL SELECT * FROM heard;
CREATE VIEW counts AS SELECT tumble(interval '10 seconds') AS window, camera, count(*) AS rows FROM both GROUP BY window, camera;
SELECT * FROM counts;
SELECT window, max(rows) AS most FROM counts GROUP BY window;
SELECT session(interval '5 seconds') AS window, count(*) AS rows FROM seen GROUP BY window;
SELECT s.camera FROM seen s JOIN heard h ON s.camera = h.camera AND s.ts = h.ts;
SELECT window_start, camera FROM TUMBLE(TABLE felt, DESCRIPTOR(ts), interval '10 seconds');
SELECT tumble(interval '1 minute') AS window, count(*) AS rows FROM felt GROUP BY window;
CREATE VIEW unread AS SELECT tumble(interval '1 hour') AS window, count(*) AS rows FROM felt GROUP BY window;
