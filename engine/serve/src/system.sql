-- The server's own views: what the page, /data, the metrics and ListDevices read.

CREATE TABLE edge_frames WITH (connector = 'edge');

CREATE MATERIALIZED VIEW frames_live WITH (retention = interval '10 minutes', eager = true) AS
SELECT device_id, camera_id, ts, frame, persons_detected, objects_detected, width, height, model, tier,
       inference_ms, energy_mj, skipped
FROM edge_frames;

CREATE TABLE edge_heartbeats WITH (connector = 'edge', topic = 'edge-status');

CREATE MATERIALIZED VIEW devices_live WITH (retention = interval '1 hour', eager = true) AS
SELECT device_id, ts, version, config_hash, uptime_s, spool_rows, sent_rows, dropped_messages, cameras, control,
       carbon_intensity_g_per_kwh, energy_mj_total
FROM edge_heartbeats;
