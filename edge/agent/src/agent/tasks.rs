//! What an agent does beside seeing: readings, heartbeats, commands, metrics, and looking after the spool. Each is a task
//! that ends when the agent is told to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_proto::batch::sensors::SensorRow;
use headwater_sensors::{Reading, Sensors};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::Config;
use crate::heartbeat::heartbeat;
use crate::intake::Item;
use crate::live::AgentStatus;
use crate::metrics;
use crate::outbox;
use crate::state::AgentState;
use crate::uplink::Commands;

/// How long readings are waited for before the next look at whether to stop.
const READING_PATIENCE: Duration = Duration::from_secs(1);

/// What the tasks are made of.
pub(super) struct Tasks<'a> {
    pub(super) config: &'a Config,
    pub(super) state: &'a Arc<AgentState>,
    pub(super) local: &'a CancellationToken,
    pub(super) items: mpsc::Sender<Item>,
}

impl Tasks<'_> {
    pub(super) fn spawn(self, listener: Option<TcpListener>, commands: Option<Commands>) -> Vec<JoinHandle<()>> {
        let Self { config, state, local, items } = self;
        let tended = Arc::clone(&state.outbox);
        let mut tasks = vec![tokio::spawn(outbox::tend(tended, config.spool.tend_interval_ms(), local.clone()))];
        if config.sensors.enabled {
            let (sensors, device_id) = (Arc::clone(&state.sensors), config.device_id.as_str().into());
            let linger = Duration::from_millis(config.batch.linger_ms);
            let items = items.clone();
            tasks.push(tokio::task::spawn_blocking(move || read(&sensors, &device_id, linger, &items)));
            let (told, sensors) = (local.clone(), Arc::clone(&state.sensors));
            tasks.push(tokio::spawn(async move {
                told.cancelled().await;
                sensors.stop();
            }));
        }
        let soon = Arc::new(Notify::new());
        if let Some(commands) = commands {
            let (told, soon, local) = (Arc::clone(state), Arc::clone(&soon), local.clone());
            let follow = move |command| {
                let (told, soon) = (Arc::clone(&told), Arc::clone(&soon));
                async move {
                    let followed = tokio::task::spawn_blocking(move || told.settings.command(command, clock::now_ms()));
                    if followed.await.is_err() {
                        tracing::error!("following a command stopped unexpectedly");
                    }
                    // Its sender waits for what becomes of it.
                    soon.notify_one();
                }
            };
            tasks.push(tokio::spawn(commands.run(local, follow)));
        }
        if let Some(listener) = listener {
            tasks.push(tokio::spawn(metrics::serve(listener, Arc::clone(state), local.clone())));
        }
        let interval = Duration::from_millis(config.status.interval_ms);
        tasks.push(tokio::spawn(beat(Arc::clone(state), interval, soon, local.clone(), items)));
        tasks
    }
}

/// Takes readings until the sensors have ended. Blocks.
fn read(sensors: &Sensors, device_id: &Arc<str>, linger: Duration, items: &mpsc::Sender<Item>) {
    let row = |Reading { sensor, value, unit, method, ts_ms }: Reading| SensorRow {
        device_id: Arc::clone(device_id),
        ts: ts_ms,
        sensor,
        value,
        unit,
        method,
    };
    while let Some(readings) = sensors.take(READING_PATIENCE, linger) {
        let rows: Vec<SensorRow> = readings.into_iter().map(row).collect();
        if !rows.is_empty() && items.blocking_send(Item::Readings(rows)).is_err() {
            return;
        }
    }
}

/// Says how the agent is, at once, at every interval and when it was told to be soon, until cancelled.
async fn beat(
    state: Arc<AgentState>,
    interval: Duration,
    soon: Arc<Notify>,
    local: CancellationToken,
    items: mpsc::Sender<Item>,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut before, mut then) = (AgentStatus::default(), Instant::now());
    loop {
        tokio::select! {
            biased;
            () = local.cancelled() => return,
            _ = ticks.tick() => {}
            () = soon.notified() => {}
        }
        let told = Arc::clone(&state);
        let Ok(status) = tokio::task::spawn_blocking(move || told.status()).await else { return };
        let beat = heartbeat(&status, &before, then.elapsed().as_millis() as u64, clock::now_ms());
        (before, then) = (status, Instant::now());
        if items.send(Item::Heartbeat(Box::new(beat))).await.is_err() {
            return;
        }
    }
}
