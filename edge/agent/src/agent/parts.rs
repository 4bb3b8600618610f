//! The parts of an agent: opened from its configuration, then set running. What they do is in their own files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Instant;

use headwater_camera::{Board, Camera, Feed, StopSignal};
use headwater_detector::{ClassId, ClassSet, DetectOptions, Detector, LoadOptions, bundled_weights};
use headwater_spool::{Spool, SpoolOptions};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Running, every};
use crate::camera;
use crate::carbon::{Cadence, CarbonSignal, Ladder, Policy};
use crate::clock;
use crate::config::{CameraConfig, Config};
use crate::detection::{Watch, WatchedCamera};
use crate::energy::EnergyModel;
use crate::error::AgentError;
use crate::heartbeat::heartbeat;
use crate::intake::{Intake, Item, QUEUE_ITEMS};
use crate::live::{AgentStatus, CameraLive, PowerLive, UplinkLive};
use crate::metrics::{self, Labels};
use crate::outbox::Outbox;
use crate::sensors::SensorFiles;
use crate::state::AgentState;
use crate::uplink::Uplink;

/// Everything that had to be opened.
pub(super) struct Parts {
    pub(super) state: Arc<AgentState>,
    config: Config,
    detector: Option<Detector>,
    feeds: Vec<Feed>,
    uplink: Uplink,
}

impl Parts {
    /// Opens weights, cameras, spool and client; blocks.
    pub(super) fn open(config: Config) -> Result<Self, AgentError> {
        let feeds = config.cameras.iter().map(camera::open).collect::<Result<Vec<_>, _>>()?;
        let detector = if config.cameras.is_empty() { None } else { Some(load_detector(&config)?) };
        let signal = carbon_signal(&config)?.map(Arc::new);
        let options = SpoolOptions { sync: config.spool.sync, ..SpoolOptions::bounded(config.spool.max_bytes) };
        let directory = config.data_dir.join(&config.device_id).join("spool");
        let spool =
            Spool::open(&directory, options).map_err(|source| AgentError::Spool { source: Box::new(source) })?;
        let found = spool.opened();
        if found.records > 0 || found.cut_bytes > 0 {
            let (messages, rows, cut_bytes) = (found.records, found.rows, found.cut_bytes);
            tracing::info!(messages, rows, cut_bytes, "messages of an earlier start are on disk");
        }
        let outbox = Arc::new(Outbox::new(spool));
        let live = Arc::new(UplinkLive::default());
        let settings = config.uplink.clone();
        let (brokers, device_id) = (&config.bootstrap_servers, &config.device_id);
        let uplink = Uplink::new(brokers, device_id, settings, Arc::clone(&outbox), Arc::clone(&live))
            .map_err(|source| AgentError::Kafka { source: Box::new(source) })?;
        let inference_times = metrics::inference_times();
        let camera_live = |camera: &CameraConfig| {
            let tier = camera.tiers.first().copied().unwrap_or_default();
            let labels = Labels { device: config.device_id.clone(), camera: camera.id.clone() };
            let times = inference_times.get_or_create_owned(&labels);
            Arc::new(CameraLive::new(&camera.id, camera.describe(), tier, times))
        };
        let state = AgentState {
            device_id: config.device_id.clone(),
            boot: uuid::Uuid::new_v4().to_string(),
            config_hash: config.fingerprint(),
            started_ms: clock::now_ms(),
            cameras: config.cameras.iter().map(camera_live).collect(),
            uplink: live,
            power: Arc::new(PowerLive::default()),
            signal,
            has_energy: config.energy.is_some(),
            outbox,
            inference_times,
        };
        Ok(Self { state: Arc::new(state), config, detector, feeds, uplink })
    }

    /// Takes the port of the metrics, where there are any.
    pub(super) async fn bind_metrics(&self) -> Result<Option<TcpListener>, AgentError> {
        let Some(metrics) = self.config.metrics else { return Ok(None) };
        let address = metrics.listen;
        let bound = TcpListener::bind(address).await;
        bound.map(Some).map_err(|source| AgentError::Listen { address, source })
    }

    /// Sets everything running.
    pub(super) fn run(self, listener: Option<TcpListener>) -> Result<Running, AgentError> {
        let Self { state, config, detector, feeds, uplink } = self;
        let (items, queue) = mpsc::channel(QUEUE_ITEMS);
        let stop = Arc::new(StopSignal::default());
        let local = CancellationToken::new();
        let shares: Vec<Arc<AtomicU8>> = config.cameras.iter().map(|_| Arc::new(AtomicU8::new(100))).collect();
        let board = Arc::new(Board::new(config.cameras.len()));
        let mut cameras = Vec::new();
        for (index, feed) in feeds.into_iter().enumerate() {
            let (settings, share) = (&config.cameras[index], Arc::clone(&shares[index]));
            let mut cadence = Cadence::default();
            let camera = Camera {
                id: settings.id.clone(),
                slot: index,
                feed,
                sight: camera::sight(settings),
                board: Arc::clone(&board),
                stop: Arc::clone(&stop),
                vitals: Arc::clone(state.cameras[index].vitals()),
                has_effort: Box::new(move || cadence.looks_at_next(share.load(Ordering::Relaxed))),
            };
            let started = spawn_thread(&format!("camera-{}", settings.id), move || headwater_camera::run(camera));
            // Those that run already must not be left behind.
            cameras.push(started.inspect_err(|_| stop.stop())?);
        }
        let detector = match detector {
            None => None,
            Some(detector) => {
                let watch = watch(&config, &state, detector, board, &shares, items.clone());
                Some(spawn_thread("detection", move || watch.run()).inspect_err(|_| stop.stop())?)
            }
        };
        let tasks = spawn_tasks(&config, &state, &local, items, listener);
        let outbox = Arc::clone(&state.outbox);
        let intake = Intake::new(&state.device_id, &state.boot, config.batch, outbox);
        Ok(Running {
            cameras,
            detector,
            tasks,
            intake: tokio::spawn(intake.run(queue)),
            uplink: tokio::spawn(uplink.run()),
            stop,
            local,
        })
    }
}

fn watch(
    config: &Config,
    state: &AgentState,
    detector: Detector,
    board: Arc<Board>,
    shares: &[Arc<AtomicU8>],
    intake: mpsc::Sender<Item>,
) -> Watch {
    let watched = |((camera, live), share): ((&CameraConfig, &Arc<CameraLive>), &Arc<AtomicU8>)| WatchedCamera {
        id: camera.id.as_str().into(),
        options: DetectOptions {
            input_size: camera.tiers.first().copied().unwrap_or(DetectOptions::default().input_size),
            threshold: camera.threshold,
            classes: class_set(&camera.classes),
            ..DetectOptions::default()
        },
        ladder: Ladder::new(&camera.tiers),
        share_percent: Arc::clone(share),
        live: Arc::clone(live),
    };
    Watch {
        device_id: state.device_id.as_str().into(),
        detector,
        board,
        cameras: config.cameras.iter().zip(&state.cameras).zip(shares).map(watched).collect(),
        signal: state.signal.clone(),
        policy: Policy {
            thresholds: config.carbon.thresholds_g_per_kwh.clone(),
            hysteresis: config.carbon.hysteresis_g_per_kwh,
            dwell_ms: config.carbon.dwell_ms,
        },
        energy: config.energy.map(|energy| EnergyModel::new(energy, config.detector_threads)),
        power: Arc::clone(&state.power),
        intake,
    }
}

fn spawn_tasks(
    config: &Config,
    state: &Arc<AgentState>,
    local: &CancellationToken,
    items: mpsc::Sender<Item>,
    listener: Option<TcpListener>,
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    if config.sensors.enabled {
        let (files, device_id) = (SensorFiles::default(), config.device_id.clone());
        let read = move || Item::Readings(files.read(&device_id, clock::now_ms()));
        tasks.push(tokio::spawn(every(config.sensors.interval_ms, local.clone(), items.clone(), read)));
    }
    let (told, mut before, mut then) = (Arc::clone(state), AgentStatus::default(), Instant::now());
    let beat = move || {
        let status = told.status();
        let elapsed_ms = then.elapsed().as_millis() as u64;
        let beat = heartbeat(&status, &before, elapsed_ms, clock::now_ms());
        (before, then) = (status, Instant::now());
        Item::Heartbeat(Box::new(beat))
    };
    tasks.push(tokio::spawn(every(config.status.interval_ms, local.clone(), items, beat)));
    if let Some(listener) = listener {
        tasks.push(tokio::spawn(metrics::serve(listener, Arc::clone(state), local.clone())));
    }
    tasks
}

fn load_detector(config: &Config) -> Result<Detector, AgentError> {
    let threads = std::num::NonZeroUsize::new(config.detector_threads).unwrap_or(std::num::NonZeroUsize::MIN);
    let options = LoadOptions { threads, ..LoadOptions::default() };
    let loaded = match &config.weights {
        Some(path) => Detector::load_with(path, options),
        None => Detector::from_bytes_with(bundled_weights(), options),
    };
    loaded.map_err(|source| AgentError::Detector { source: Box::new(source) })
}

fn carbon_signal(config: &Config) -> Result<Option<CarbonSignal>, AgentError> {
    match (&config.carbon.trace, config.carbon.constant_g_per_kwh) {
        (Some(trace), _) => {
            CarbonSignal::from_csv(trace).map(Some).map_err(|source| AgentError::Carbon { source: Box::new(source) })
        }
        (None, Some(constant)) => Ok(Some(CarbonSignal::Constant(constant))),
        (None, None) => Ok(None),
    }
}

/// The classes of these names; all where none is named.
fn class_set(names: &[String]) -> ClassSet {
    if names.is_empty() {
        return ClassSet::ALL;
    }
    names.iter().filter_map(|name| ClassId::from_name(name)).collect()
}

fn spawn_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<thread::JoinHandle<()>, AgentError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|source| AgentError::Thread { name: name.to_owned(), source })
}
