//! The agent's state as others may see it: numbers that the parts count up and that heartbeat, metrics and the table in
//! the terminal read. Nothing is decided by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use headwater_camera::{CameraState, Vitals, VitalsSnapshot};
use headwater_proto::batch::status::Acknowledgement;
use headwater_sensors::SourceCounters;
use headwater_spool::SpoolStats;
use prometheus_client::metrics::histogram::Histogram;

/// Everything an agent counts, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentStatus {
    /// Name of the device.
    pub device_id: String,
    /// The start of the agent, a UUID.
    pub boot: String,
    /// Hash of its settings.
    pub config_hash: String,
    /// When it started, milliseconds since the epoch.
    pub started_ms: i64,
    /// A camera each, in the order of the configuration.
    pub cameras: Vec<CameraSnapshot>,
    /// Whether the broker takes messages at the moment.
    pub uplink_connected: bool,
    /// Rows that the broker has taken since the start.
    pub sent_rows: u64,
    /// Messages that the broker has taken since the start.
    pub sent_messages: u64,
    /// Messages that the broker will never take, and that are given up.
    pub rejected_messages: u64,
    /// Rows that wait on disk.
    pub spool_rows: u64,
    /// Messages that wait on disk.
    pub spool_messages: u64,
    /// Bytes that wait on disk.
    pub spool_bytes: u64,
    /// Rows that were dropped because the spool was full, or because they were too old.
    pub dropped_rows: u64,
    /// Rows that the disk did not take, and that had nowhere else to go.
    pub lost_rows: u64,
    /// The cameras wait because the spool is full.
    pub is_held: bool,
    /// Everything that the spool counts.
    pub spool: SpoolStats,
    /// Carbon intensity, g/kWh, where it is known.
    pub carbon_intensity_g_per_kwh: Option<f64>,
    /// Whether uploads wait for cleaner electricity.
    pub is_deferred: bool,
    /// Energy of all detections since the start, millijoules, where it is known.
    pub energy_mj_total: Option<f64>,
    /// Readings that were let go because they were not taken in time.
    pub dropped_readings: u64,
    /// What was counted of each source of readings.
    pub sensors: Vec<SourceCounters>,
    /// What became of the last command.
    pub control: Option<Acknowledgement>,
}

/// Everything that is counted of a camera, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraSnapshot {
    /// Name of the camera.
    pub camera_id: String,
    /// Where its frames come from.
    pub source: String,
    /// How it is.
    pub state: CameraState,
    /// Frames looked at since the start.
    pub frames: u64,
    /// Frames not looked at since the start.
    pub skipped: u64,
    /// Everything that its thread counts, of which state and skipped frames are a part.
    pub vitals: VitalsSnapshot,
    /// Objects detected since the start.
    pub detections: u64,
    /// People in the last frame.
    pub persons: u32,
    /// Input size of the network now, pixels.
    pub tier: u32,
    /// Steps that carbon control has gone down from the best way to look.
    pub carbon_step: usize,
    /// Time of all detections, milliseconds.
    pub inference_ms_total: f64,
    /// Energy of its detections since the start, millijoules, where it is known.
    pub energy_mj: Option<f64>,
    /// Whether it is paused.
    pub is_paused: bool,
}

/// Counters of one camera.
pub(crate) struct CameraLive {
    id: String,
    source: String,
    vitals: Arc<Vitals>,
    frames: AtomicU64,
    detections: AtomicU64,
    persons: AtomicU32,
    tier: AtomicU32,
    carbon_step: AtomicUsize,
    inference_us: AtomicU64,
    inference_ms: Histogram,
}

impl CameraLive {
    /// A camera that has not begun, and the histogram that its times of detection go to.
    pub(crate) fn new(id: &str, source: String, tier: u32, inference_ms: Histogram) -> Self {
        Self {
            id: id.to_owned(),
            source,
            vitals: Arc::default(),
            frames: AtomicU64::default(),
            detections: AtomicU64::default(),
            persons: AtomicU32::default(),
            tier: AtomicU32::new(tier),
            carbon_step: AtomicUsize::default(),
            inference_us: AtomicU64::default(),
            inference_ms,
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where the camera's thread counts.
    pub(crate) fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    pub(crate) fn count_skipped(&self, frames: u64) {
        self.vitals.count_skipped(frames);
    }

    pub(crate) fn count_frame(&self, persons: u32, detections: u64, inference_ms: f64, tier: u32) {
        self.frames.fetch_add(1, Relaxed);
        self.detections.fetch_add(detections, Relaxed);
        self.persons.store(persons, Relaxed);
        self.tier.store(tier, Relaxed);
        self.inference_us.fetch_add((inference_ms * 1000.0) as u64, Relaxed);
        self.inference_ms.observe(inference_ms);
    }

    pub(crate) fn set_carbon_step(&self, step: usize) {
        self.carbon_step.store(step, Relaxed);
    }

    /// Everything at this moment, but what its detections cost and whether it is paused: others know that.
    pub(crate) fn snapshot(&self) -> CameraSnapshot {
        let vitals = self.vitals.snapshot();
        CameraSnapshot {
            camera_id: self.id.clone(),
            source: self.source.clone(),
            state: vitals.state,
            frames: self.frames.load(Relaxed),
            skipped: vitals.skipped,
            vitals,
            detections: self.detections.load(Relaxed),
            persons: self.persons.load(Relaxed),
            tier: self.tier.load(Relaxed),
            carbon_step: self.carbon_step.load(Relaxed),
            inference_ms_total: self.inference_us.load(Relaxed) as f64 / 1000.0,
            energy_mj: None,
            is_paused: false,
        }
    }
}

/// Counters of the uplink.
#[derive(Default)]
pub(crate) struct UplinkLive {
    pub(crate) connected: AtomicBool,
    pub(crate) sent_rows: AtomicU64,
    pub(crate) sent_messages: AtomicU64,
    pub(crate) rejected_messages: AtomicU64,
}
