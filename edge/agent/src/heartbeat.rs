//! What a heartbeat says: a pure function of the agent's state now and at the heartbeat before.

use headwater_proto::batch::status::{CameraStatus, Heartbeat, timestamp_text};

use crate::live::{AgentStatus, CameraSnapshot};

/// The heartbeat of a moment; rates are those since `before`, so many milliseconds ago.
pub(crate) fn heartbeat(status: &AgentStatus, before: &AgentStatus, elapsed_ms: u64, now_ms: i64) -> Heartbeat {
    let camera = |camera: &CameraSnapshot| {
        let earlier = before.cameras.iter().find(|earlier| earlier.camera_id == camera.camera_id);
        let frames = camera.frames - earlier.map_or(0, |earlier| earlier.frames);
        CameraStatus {
            camera_id: camera.camera_id.clone(),
            source: camera.source.clone(),
            state: camera.state.as_str().to_owned(),
            fps: frames as f64 * 1000.0 / elapsed_ms.max(1) as f64,
            skipped: camera.skipped,
            tier: camera.tier.to_string(),
        }
    };
    Heartbeat {
        device_id: status.device_id.clone(),
        boot: status.boot.clone(),
        ts: timestamp_text(now_ms),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_hash: status.config_hash.clone(),
        uptime_s: u64::try_from((now_ms - status.started_ms) / 1000).unwrap_or(0),
        cameras: status.cameras.iter().map(camera).collect(),
        spool_bytes: status.spool_bytes,
        spool_rows: status.spool_rows,
        sent_rows: status.sent_rows,
        carbon_intensity_g_per_kwh: status.carbon_intensity_g_per_kwh,
        energy_mj_total: status.energy_mj_total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_since_the_heartbeat_before() {
        let camera = |frames| CameraSnapshot { camera_id: "door".into(), frames, ..CameraSnapshot::default() };
        let status = |frames| AgentStatus { cameras: vec![camera(frames)], started_ms: 1000, ..AgentStatus::default() };
        let beat = heartbeat(&status(60), &status(20), 4000, 11_500);
        assert_eq!((beat.cameras[0].fps, beat.uptime_s), (10.0, 10));
        assert_eq!(beat.ts, "1970-01-01T00:00:11.500");
        assert_eq!(heartbeat(&status(60), &AgentStatus::default(), 0, 0).cameras[0].fps, 60_000.0);
    }
}
