//! What a heartbeat says: a pure function of the agent's state now and at the heartbeat before.

use headwater_camera::CameraState;
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
            state: state_of(camera).to_owned(),
            reason: camera.vitals.reason.clone().filter(|_| camera.state != CameraState::Running),
            fps: frames as f64 * 1000.0 / elapsed_ms.max(1) as f64,
            skipped: camera.skipped,
            tier: camera.tier.to_string(),
            energy_mj: camera.energy_mj,
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
        dropped_messages: status.spool.dropped_records + status.spool.expired_records,
        control: status.control.clone(),
    }
}

/// The word for how a camera is: of one that delivers pictures which show nothing it is what is wrong with them.
fn state_of(camera: &CameraSnapshot) -> &'static str {
    match camera.state {
        CameraState::Running if camera.is_paused => "paused",
        CameraState::Running if camera.vitals.is_dark => "dark",
        CameraState::Running if camera.vitals.is_frozen => "frozen",
        state => state.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use headwater_camera::VitalsSnapshot;

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

    #[test]
    fn a_camera_says_why_it_shows_nothing() {
        let camera = |state, is_dark, is_frozen, reason: Option<&str>| {
            let reason = reason.map(str::to_owned);
            let vitals = VitalsSnapshot { state, is_dark, is_frozen, reason, ..VitalsSnapshot::default() };
            let camera = CameraSnapshot { state, vitals, ..CameraSnapshot::default() };
            let status = AgentStatus { cameras: vec![camera], ..AgentStatus::default() };
            let said = heartbeat(&status, &AgentStatus::default(), 1000, 0).cameras.remove(0);
            (said.state, said.reason)
        };
        let waiting = camera(CameraState::Waiting, true, false, Some("refused"));
        assert_eq!(waiting, ("waiting".to_owned(), Some("refused".to_owned())));
        assert_eq!(camera(CameraState::Running, true, true, Some("refused")), ("dark".to_owned(), None));
        assert_eq!(camera(CameraState::Running, false, true, None), ("frozen".to_owned(), None));
        assert_eq!(camera(CameraState::Running, false, false, None), ("running".to_owned(), None));
    }
}
