CREATE TABLE camera WITH (connector = 'camera');
CREATE TABLE ticks WITH (connector = 'clock', event_rate = 10);
CREATE TABLE sink (device TEXT, people BIGINT, at TIMESTAMP(3)) WITH (connector = 'log', topic = 'x', type = 'sink');
INSERT INTO sink SELECT device_id, persons_detected, ts FROM camera;
INSERT INTO sink (at, device) SELECT at, 'clock' FROM ticks;
SELECT tumble(interval '10 seconds') AS window, camera_id, sum(persons_detected) AS people FROM camera GROUP BY 1, 2;
