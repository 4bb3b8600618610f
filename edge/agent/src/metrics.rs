//! The agent's numbers for Prometheus, and the small HTTP listener that shows them.
//!
//! The text is made from the same state that heartbeats are made from, at every scrape: there is no second set of counters,
//! but for the histogram of inference times.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use headwater_camera::CameraState;
use headwater_sensors::SourceCounters;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::live::{AgentStatus, CameraSnapshot};
use crate::state::AgentState;

/// Times of detections in milliseconds, a histogram a camera; the one thing that is counted where it happens, because a
/// histogram cannot be made afterwards.
pub(crate) type InferenceTimes = Family<Labels, Histogram>;

/// The labels of a camera's series.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct Labels {
    pub(crate) device: String,
    pub(crate) camera: String,
}

/// Histograms without a camera yet.
pub(crate) fn inference_times() -> InferenceTimes {
    const BUCKETS_MS: [f64; 12] = [10.0, 20.0, 30.0, 40.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0];
    Family::new_with_constructor(|| Histogram::new(BUCKETS_MS))
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeviceLabels {
    device: String,
}

/// The labels of a sensor's series.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SourceLabels {
    device: String,
    source: String,
}

/// Serves `/metrics` and `/healthz` until told to stop.
pub(crate) async fn serve(listener: TcpListener, state: Arc<AgentState>, stop: CancellationToken) {
    let routes = Router::new()
        .route("/metrics", get(show))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/thumbnails/{camera}", get(thumbnail))
        .with_state(state);
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::error!(%error, "metrics are not served any more");
    }
}

async fn show(State(state): State<Arc<AgentState>>) -> Response {
    const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    // The spool may be waiting for its disk.
    let shown = tokio::task::spawn_blocking(move || text(&state.status(), &state.inference_times)).await;
    match shown.unwrap_or(Err(fmt::Error)) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The newest thumbnail of a camera, where its settings make some.
async fn thumbnail(State(state): State<Arc<AgentState>>, Path(camera): Path<String>) -> Response {
    let camera = state.cameras.iter().find(|live| live.id() == camera);
    match camera.and_then(|live| live.vitals().thumbnail()) {
        Some(jpeg) => ([(header::CONTENT_TYPE, "image/jpeg")], jpeg.to_vec()).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no thumbnail of this camera\n").into_response(),
    }
}

/// The state in the text format of Prometheus.
pub(crate) fn text(status: &AgentStatus, times: &InferenceTimes) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("headwater_edge");
    register_cameras(&mut registry, status);
    registry.register("inference_ms", "Time of a detection, milliseconds", times.clone());
    register_energy(&mut registry, status);
    register_sensors(&mut registry, status);
    register_device(&mut registry, status);
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn register_cameras(registry: &mut Registry, status: &AgentStatus) {
    let mut counter = |name: &str, help: &str, count: fn(&CameraSnapshot) -> u64| {
        let family = Family::<Labels, Counter>::default();
        for camera in &status.cameras {
            family.get_or_create(&labels(status, camera)).inc_by(count(camera));
        }
        registry.register(name, help, family);
    };
    counter("frames", "Frames looked at", |camera| camera.frames);
    counter("frames_skipped", "Frames not looked at", |camera| camera.skipped);
    counter("detections", "Objects detected", |camera| camera.detections);
    counter("frames_still", "Frames not looked at because nothing moved", |camera| camera.vitals.still);
    counter("camera_frames", "Frames that came from the camera", |camera| camera.vitals.frames);
    counter("camera_connects", "Times the camera was connected to", |camera| camera.vitals.connects);
    counter("camera_failures", "Times the camera failed", |camera| camera.vitals.failures);
    counter("camera_freezes", "Times the picture froze", |camera| camera.vitals.frozen);
    counter("camera_blackouts", "Times the picture went black or was covered", |camera| camera.vitals.dark);
    let mut gauge = |name: &str, help: &str, value: fn(&CameraSnapshot) -> i64| {
        let family = Family::<Labels, Gauge>::default();
        for camera in &status.cameras {
            family.get_or_create(&labels(status, camera)).set(value(camera));
        }
        registry.register(name, help, family);
    };
    gauge("persons", "People in the last frame", |camera| i64::from(camera.persons));
    gauge("tier_pixels", "Input size of the network", |camera| i64::from(camera.tier));
    gauge("carbon_step", "Steps down from the best way to look", |camera| camera.carbon_step as i64);
    gauge("camera_running", "1 while frames come", |camera| i64::from(camera.state == CameraState::Running));
    gauge("camera_broken", "1 while the camera is asked only now and then", |camera| {
        i64::from(camera.state == CameraState::Broken)
    });
    gauge("camera_paused", "1 while a command or a setting says that it is not looked at", |camera| {
        i64::from(camera.is_paused)
    });
    gauge("camera_frozen", "1 while the picture does not change", |camera| i64::from(camera.vitals.is_frozen));
    gauge("camera_dark", "1 while the picture is black or covered", |camera| i64::from(camera.vitals.is_dark));
}

/// What detection took by camera, where that is known.
fn register_energy(registry: &mut Registry, status: &AgentStatus) {
    let family = Family::<Labels, Counter<f64, AtomicU64>>::default();
    for camera in &status.cameras {
        if let Some(energy_mj) = camera.energy_mj {
            family.get_or_create(&labels(status, camera)).inc_by(energy_mj);
        }
    }
    registry.register("camera_energy_mj", "Energy of the camera's detections, millijoules", family);
}

fn register_sensors(registry: &mut Registry, status: &AgentStatus) {
    let labels =
        |source: &SourceCounters| SourceLabels { device: status.device_id.clone(), source: source.source.clone() };
    let mut counter = |name: &str, help: &str, count: fn(&SourceCounters) -> u64| {
        let family = Family::<SourceLabels, Counter>::default();
        for source in &status.sensors {
            family.get_or_create(&labels(source)).inc_by(count(source));
        }
        registry.register(name, help, family);
    };
    counter("sensor_readings", "Readings of the source", |source| source.readings);
    counter("sensor_rejected", "Lines, messages or rows from which nothing could be read", |source| source.rejected);
    counter("sensor_failures", "Times the source could not be opened or read, or went away", |source| source.failures);
    let family = Family::<SourceLabels, Gauge>::default();
    for source in &status.sensors {
        family.get_or_create(&labels(source)).set(i64::from(source.is_working));
    }
    registry.register("sensor_working", "1 while the source can be read", family);
}

fn register_device(registry: &mut Registry, status: &AgentStatus) {
    let device = DeviceLabels { device: status.device_id.clone() };
    let mut counter = |name: &str, help: &str, count: u64| {
        let family = Family::<DeviceLabels, Counter>::default();
        family.get_or_create(&device).inc_by(count);
        registry.register(name, help, family);
    };
    counter("sent_rows", "Rows that the broker took", status.sent_rows);
    counter("sent_messages", "Messages that the broker took", status.sent_messages);
    counter("rejected_messages", "Messages that the broker will never take", status.rejected_messages);
    let spool = &status.spool;
    counter("spool_appended_messages", "Messages put on disk", spool.appended_records);
    counter("spool_acked_messages", "Messages on disk that are done with", spool.acked_records);
    counter("spool_dropped_rows", "Rows dropped because the spool was full", spool.dropped_rows);
    counter("spool_expired_rows", "Rows dropped because they were too old", spool.expired_rows);
    counter("spool_lost_rows", "Rows that the disk did not take", status.lost_rows);
    counter("sensors_dropped", "Readings that were not taken in time", status.dropped_readings);
    counter("spool_refused", "Attempts to put a message into a spool that was full", spool.refused_records);
    counter("spool_cut_bytes", "Bytes that a power cut left torn, cut off at the start", spool.cut_bytes);
    counter("spool_damaged_messages", "Messages that have gone bad on disk", spool.damaged_records);
    counter("spool_syncs", "Flushes of the disk's cache", spool.syncs);
    counter("spool_failed_syncs", "Flushes of the disk's cache that failed", spool.failed_syncs);
    let mut gauge = |name: &str, help: &str, value: f64| {
        let family = Family::<DeviceLabels, Gauge<f64, AtomicU64>>::default();
        family.get_or_create(&device).set(value);
        registry.register(name, help, family);
    };
    gauge("spool_rows", "Rows that wait on disk", status.spool_rows as f64);
    gauge("spool_bytes", "Bytes that wait on disk", status.spool_bytes as f64);
    gauge("spool_oldest_age_s", "Age of the oldest message on disk", spool.oldest_age_ms.unwrap_or(0) as f64 / 1000.0);
    gauge("spool_held", "1 while cameras wait because the spool is full", f64::from(u8::from(status.is_held)));
    gauge("uplink_connected", "1 while the broker takes messages", f64::from(u8::from(status.uplink_connected)));
    gauge("upload_deferred", "1 while uploads wait for cleaner electricity", f64::from(u8::from(status.is_deferred)));
    if let Some(intensity) = status.carbon_intensity_g_per_kwh {
        gauge("carbon_intensity_g_per_kwh", "Carbon intensity of the electricity", intensity);
    }
    if let Some(energy_mj) = status.energy_mj_total {
        let family = Family::<DeviceLabels, Counter<f64, AtomicU64>>::default();
        family.get_or_create(&device).inc_by(energy_mj);
        registry.register("energy_mj", "Energy of all detections, millijoules", family);
    }
}

fn labels(status: &AgentStatus, camera: &CameraSnapshot) -> Labels {
    Labels { device: status.device_id.clone(), camera: camera.camera_id.clone() }
}

#[cfg(test)]
mod tests {
    use headwater_spool::SpoolStats;

    use super::*;

    #[test]
    fn the_text_has_a_line_a_number() {
        let camera = CameraSnapshot {
            camera_id: "door".into(),
            frames: 7,
            tier: 416,
            energy_mj: Some(900.0),
            ..CameraSnapshot::default()
        };
        let status = AgentStatus {
            device_id: "north".into(),
            cameras: vec![camera],
            sent_rows: 5,
            is_held: true,
            spool: SpoolStats { expired_rows: 3, oldest_age_ms: Some(2500), ..SpoolStats::default() },
            energy_mj_total: Some(1500.0),
            sensors: vec![SourceCounters { source: "csv:a".into(), rejected: 4, ..SourceCounters::default() }],
            ..AgentStatus::default()
        };
        let times = inference_times();
        times.get_or_create(&labels(&status, &status.cameras[0])).observe(35.0);
        let text = text(&status, &times).unwrap();
        for line in [
            r#"headwater_edge_frames_total{device="north",camera="door"} 7"#,
            r#"headwater_edge_tier_pixels{device="north",camera="door"} 416"#,
            r#"headwater_edge_sent_rows_total{device="north"} 5"#,
            r#"headwater_edge_energy_mj_total{device="north"} 1500.0"#,
            r#"headwater_edge_camera_energy_mj_total{device="north",camera="door"} 900.0"#,
            r#"headwater_edge_sensor_rejected_total{device="north",source="csv:a"} 4"#,
            r#"headwater_edge_sensor_working{device="north",source="csv:a"} 0"#,
            r#"headwater_edge_spool_expired_rows_total{device="north"} 3"#,
            r#"headwater_edge_spool_oldest_age_s{device="north"} 2.5"#,
            r#"headwater_edge_spool_held{device="north"} 1.0"#,
            r#"headwater_edge_inference_ms_bucket{le="30.0",device="north",camera="door"} 0"#,
            r#"headwater_edge_inference_ms_bucket{le="40.0",device="north",camera="door"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("carbon_intensity"));
    }
}
