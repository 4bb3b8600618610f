//! `ListDevices`: the edge devices and their cameras.

use headwater_core::EventTime;
use headwater_proto::v1::{Camera, CommandOutcome, Device};

use super::queries::timestamp;
use crate::service::{Acknowledgement, CameraOfDevice, DeviceReport};

/// A device of the list.
pub(super) fn device(report: DeviceReport) -> Device {
    let time = |millis: i64| timestamp(EventTime::from_millis(millis));
    Device {
        device_id: report.device_id,
        last_heartbeat: report.last_heartbeat_ms.and_then(time),
        last_frame: report.last_frame_ms.and_then(time),
        version: report.version.unwrap_or_default(),
        uptime_s: report.uptime_s.unwrap_or_default(),
        spool_rows: report.spool_rows.unwrap_or_default(),
        sent_rows: report.sent_rows.unwrap_or_default(),
        config_hash: report.config_hash.unwrap_or_default(),
        dropped_messages: report.dropped_messages.unwrap_or_default(),
        last_command: report.control.map(|Acknowledgement { command_id, accepted, reason }| CommandOutcome {
            command_id,
            accepted,
            reason,
        }),
        cameras: report.cameras.into_iter().map(camera).collect(),
    }
}

fn camera(camera: CameraOfDevice) -> Camera {
    let status = camera.status.unwrap_or_default();
    let said = Camera {
        camera_id: camera.camera_id,
        state: status.state,
        reason: status.reason.unwrap_or_default(),
        fps: status.fps,
        ..Camera::default()
    };
    let Some(latest) = camera.latest else { return said };
    Camera {
        last_frame: timestamp(EventTime::from_millis(latest.ts_ms)),
        persons_detected: u32::try_from(latest.persons_detected).unwrap_or(u32::MAX),
        tier: latest.tier.unwrap_or_default(),
        inference_ms: latest.inference_ms.unwrap_or_default() as f32,
        ..said
    }
}
