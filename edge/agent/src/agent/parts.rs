//! The parts of an agent: opened from its configuration, then set running. What they do is in their own files.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use headwater_camera::{Board, Camera, Feed, StopSignal};
use headwater_carbon::{Deferral, Machine};
use headwater_detector::{Detector, LoadOptions};
use headwater_sensors::{EnergyAccount, Host, Sensors};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::Running;
use super::tasks::Tasks;
use crate::camera;
use crate::carbon::control::{CameraControl, Means};
use crate::carbon::{Alert, CarbonWatch, OutlookWatch};
use crate::clock;
use crate::config::{CameraConfig, Config};
use crate::detection::Watch;
use crate::detection::batch::BatchDetector;
use crate::detection::watched::{WatchError, WatchedCamera};
use crate::effort::{Cadence, Effort};
use crate::error::AgentError;
use crate::intake::{Intake, Patience, QUEUE_ITEMS};
use crate::live::{CameraLive, UplinkLive};
use crate::metrics::{self, Labels};
use crate::outbox::Outbox;
use crate::settings::LiveSettings;
use crate::state::AgentState;
use crate::uplink::{Commands, Uplink};

/// Everything that had to be opened.
pub(super) struct Parts {
    pub(super) state: Arc<AgentState>,
    config: Arc<Config>,
    detector: Option<Detector>,
    feeds: Vec<Feed>,
    carbon: Option<CarbonWatch>,
    alert: Arc<Alert>,
    uplink: Uplink,
    commands: Option<Commands>,
}

impl Parts {
    /// Opens weights, cameras, spool and client; blocks.
    pub(super) fn open(config: Config) -> Result<Self, AgentError> {
        let settings = Arc::new(LiveSettings::open(config)?);
        let config = settings.current();
        let feeds = config.cameras.iter().map(camera::open).collect::<Result<Vec<_>, _>>()?;
        let detector = if config.cameras.is_empty() { None } else { Some(load_detector(&config)?) };
        let (outlooks, outlook) = watch::channel(None);
        let opened = config.carbon.open().map_err(|source| AgentError::Carbon { source: Box::new(source) })?;
        let energy = open_energy(&config)?;
        let sensors = Sensors::open(&config.sensors, &config.energy, &Host::default())
            .map_err(|source| AgentError::Sensors { source: Box::new(source) })?;
        let outbox = Arc::new(open_outbox(&config)?);
        let alert: Arc<Alert> = Arc::default();
        let carbon = opened.map(|(provider, follower)| CarbonWatch {
            provider,
            follower,
            deferral: Deferral::new(config.carbon.defer_upload_hours_max),
            outlooks,
            outbox: Arc::clone(&outbox),
            alert: Arc::clone(&alert),
        });
        let live = Arc::new(UplinkLive::default());
        let kafka = |source| AgentError::Kafka { source: Box::new(source) };
        let uplink = Uplink::new(&config, Arc::clone(&outbox), Arc::clone(&live)).map_err(kafka)?;
        let commands = config.control.enabled.then(|| Commands::new(&config)).transpose().map_err(kafka)?;
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
            started_ms: clock::now_ms(),
            settings,
            cameras: config.cameras.iter().map(camera_live).collect(),
            uplink: live,
            energy: Arc::new(energy),
            outlook,
            sensors: Arc::new(sensors),
            outbox,
            inference_times,
        };
        Ok(Self { state: Arc::new(state), config, detector, feeds, carbon, alert, uplink, commands })
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
        let Self { state, config, detector, feeds, carbon, alert, uplink, commands } = self;
        let (items, queue) = mpsc::channel(QUEUE_ITEMS);
        let stop = Arc::new(StopSignal::default());
        let local = CancellationToken::new();
        let efforts: Vec<Arc<Effort>> = config.cameras.iter().map(|_| Arc::default()).collect();
        let board = Arc::new(Board::new(config.cameras.len()));
        let watch = match detector {
            None => None,
            Some(detector) => Some(watch(&config, &state, detector, &board, &efforts, &alert, items.clone())?),
        };
        // Those that run already must not be left behind.
        let started = |thread: Result<thread::JoinHandle<()>, AgentError>| thread.inspect_err(|_| stop.stop());
        let mut cameras = Vec::new();
        for (index, feed) in feeds.into_iter().enumerate() {
            let (settings, effort) = (&config.cameras[index], Arc::clone(&efforts[index]));
            let mut cadence = Cadence::default();
            // A pause is seen here and not by the detector's thread, which is not woken by a camera that rests.
            let told = state.settings.watch();
            let is_paused = move || told.borrow().cameras.get(index).is_some_and(|camera| camera.paused);
            let camera = Camera {
                id: settings.id.clone(),
                slot: index,
                feed,
                sight: camera::sight(settings),
                board: Arc::clone(&board),
                stop: Arc::clone(&stop),
                vitals: Arc::clone(state.cameras[index].vitals()),
                is_wanted: Box::new(move |moves| !is_paused() && cadence.looks(&effort, moves, Instant::now())),
            };
            let run = move || headwater_camera::run(camera);
            cameras.push(started(spawn_thread(&format!("camera-{}", settings.id), run))?);
        }
        let detector = watch.map(|watch| started(spawn_thread("detection", move || watch.run()))).transpose()?;
        let told = Arc::clone(&stop);
        let carbon = carbon.map(|carbon| started(spawn_thread("carbon", move || carbon.run(&told)))).transpose()?;
        let tasks = Tasks { config: &config, state: &state, local: &local, items };
        let tasks = tasks.spawn(listener, commands);
        let patience = Patience::new(local.clone(), config.uplink.drain_ms);
        let intake = Intake::new(&state.device_id, &state.boot, config.batch, Arc::clone(&state.outbox), patience);
        Ok(Running {
            cameras,
            detector,
            carbon,
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
    board: &Arc<Board>,
    efforts: &[Arc<Effort>],
    alert: &Arc<Alert>,
    intake: mpsc::Sender<crate::intake::Item>,
) -> Result<Watch, AgentError> {
    let detector = BatchDetector::new(detector, Arc::clone(&state.energy))
        .map_err(|source| AgentError::Detector { source: Box::new(source) })?;
    let (means, findable) = (means(config, detector.model_name(), &state.outlook), detector.classes());
    let alert_classes = config.carbon.control.as_ref().map(|control| control.alert_classes.clone()).unwrap_or_default();
    let mut cameras = Vec::new();
    for ((camera, live), effort) in config.cameras.iter().zip(&state.cameras).zip(efforts) {
        let failed = |source| AgentError::Watch { camera: camera.id.clone(), source: Box::new(source) };
        let control = CameraControl::new(camera, means.clone()).map_err(|source| failed(WatchError::from(source)))?;
        let watched = WatchedCamera::new(
            camera,
            Arc::clone(live),
            Arc::clone(effort),
            control,
            alert_classes.clone(),
            findable,
            Arc::clone(alert),
        );
        cameras.push(watched.map_err(|source| failed(WatchError::from(source)))?);
    }
    Ok(Watch {
        device_id: state.device_id.as_str().into(),
        detector,
        board: Arc::clone(board),
        cameras,
        settings: state.settings.watch(),
        intake,
    })
}

fn means(config: &Config, model: &str, outlook: &OutlookWatch) -> Means {
    let machine = config.energy.busy_watts.map_or_else(Machine::default, |busy_watts| Machine { busy_watts });
    let settings = config.carbon.control.clone();
    Means { settings, model: model.to_owned(), machine, outlook: outlook.clone() }
}

fn load_detector(config: &Config) -> Result<Detector, AgentError> {
    let threads = std::num::NonZeroUsize::new(config.detector_threads).unwrap_or(std::num::NonZeroUsize::MIN);
    let options = LoadOptions { threads, ..LoadOptions::default() };
    let loaded = Detector::of_file_or_bundled(config.weights.as_deref(), options);
    loaded.map_err(|source| AgentError::Detector { source: Box::new(source) })
}

fn open_energy(config: &Config) -> Result<EnergyAccount, AgentError> {
    let opened = EnergyAccount::open(&config.energy, &Host::default());
    let energy = opened.map_err(|source| AgentError::Energy { source: Box::new(source) })?;
    let passed_over = energy.passed_over().join("; ");
    tracing::info!(method = energy.method_name(), passed_over, "how energy is known");
    Ok(energy)
}

fn open_outbox(config: &Config) -> Result<Outbox, AgentError> {
    let directory = config.data_dir.join(&config.device_id).join("spool");
    let outbox = Outbox::open(&directory, config.spool.options())
        .map_err(|source| AgentError::Spool { source: Box::new(source) })?;
    let found = outbox.opened();
    if found.records > 0 || found.cut_bytes > 0 || found.damaged_records > 0 {
        let (messages, rows, cut_bytes, damaged) = (found.records, found.rows, found.cut_bytes, found.damaged_records);
        tracing::info!(messages, rows, cut_bytes, damaged, "messages of an earlier start are on disk");
    }
    for path in found.alien_files {
        tracing::warn!(path = %path.display(), "a file in the spool's folder is none of its own; it is left alone");
    }
    Ok(outbox)
}

/// Starts a thread whose end somebody waits for.
pub(super) fn spawn_thread(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, AgentError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|source| AgentError::Thread { name: name.to_owned(), source })
}
