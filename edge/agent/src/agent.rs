//! An agent from start to report: makes the parts, joins them, and takes them down in order.
//!
//! Every thread and task belongs to one agent and nothing is global, so that a process can run several. They end one
//! after the other because each ends when nobody feeds it any more: cameras, detector, intake, uplink.

mod parts;
mod tasks;

use std::sync::Arc;
use std::thread::JoinHandle as ThreadHandle;

use headwater_camera::{CameraState, StopSignal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::AgentError;
use crate::live::AgentStatus;
use crate::state::AgentState;
use parts::Parts;

/// The agent of one device.
pub struct Agent;

/// A running agent. Dropping it does not stop the agent; cancelling the token that it was started with does.
pub struct AgentHandle {
    state: Arc<AgentState>,
    ended: CancellationToken,
    supervisor: JoinHandle<Result<AgentReport, AgentError>>,
}

/// What an agent has done, once it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentReport {
    /// Name of the device.
    pub device_id: String,
    /// Frames looked at.
    pub frames: u64,
    /// Objects detected.
    pub detections: u64,
    /// Frames not looked at.
    pub skipped: u64,
    /// Rows that the broker took.
    pub delivered_rows: u64,
    /// Messages that the broker took.
    pub delivered_messages: u64,
    /// Rows left on disk for the next start.
    pub left_rows: u64,
    /// Messages left on disk for the next start.
    pub left_messages: u64,
    /// Rows dropped because the spool was full.
    pub dropped_rows: u64,
    /// Cameras whose source failed.
    pub failed_cameras: Vec<String>,
}

impl Agent {
    /// Checks the configuration, opens everything it names, and starts. The agent runs until `shutdown` is cancelled or
    /// its last camera has ended; then it flushes, delivers within `uplink.drain_ms`, and ends. A broker that is away
    /// does not keep it from starting.
    ///
    /// Call it on a tokio runtime with time and I/O.
    ///
    /// # Errors
    /// What cannot be used or opened, by name; nothing runs then.
    pub async fn start(config: Config, shutdown: CancellationToken) -> Result<AgentHandle, AgentError> {
        config.validate()?;
        let parts = tokio::task::spawn_blocking(move || Parts::open(config)).await;
        let parts = parts.map_err(|_| AgentError::Died { part: "start" })??;
        let listener = parts.bind_metrics().await?;
        let state = Arc::clone(&parts.state);
        let running = parts.run(listener)?;
        let ended = CancellationToken::new();
        let (told, told_state) = (ended.clone().drop_guard(), Arc::clone(&state));
        let supervisor = tokio::spawn(async move {
            let _told = told;
            supervise(running, told_state, shutdown).await
        });
        Ok(AgentHandle { state, ended, supervisor })
    }
}

impl AgentHandle {
    /// Everything the agent counts, now.
    pub fn status(&self) -> AgentStatus {
        self.state.status()
    }

    /// A view of the agent's counters that outlives the handle.
    pub fn watch(&self) -> StatusWatch {
        StatusWatch(Arc::clone(&self.state))
    }

    /// Goes on with other settings, without losing what is tracked; what commands have changed stays changed.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`](crate::config::ConfigError::Invalid) with what cannot be used or needs a start; nothing
    /// changes then.
    pub fn reload(&self, config: Config) -> Result<(), AgentError> {
        Ok(self.state.settings.reload(config)?)
    }

    /// Waits until the agent has ended; [`AgentHandle::join`] then says how.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Waits until the agent has ended.
    ///
    /// # Errors
    /// [`AgentError::Died`] when a part of it died, which is a defect.
    pub async fn join(self) -> Result<AgentReport, AgentError> {
        self.supervisor.await.unwrap_or(Err(AgentError::Died { part: "supervisor" }))
    }
}

/// Reads an agent's counters, also after its handle was joined.
#[derive(Clone)]
pub struct StatusWatch(Arc<AgentState>);

impl StatusWatch {
    /// Everything the agent counts, now.
    pub fn status(&self) -> AgentStatus {
        self.0.status()
    }
}

/// The threads and tasks of a running agent, in the order in which they end.
struct Running {
    cameras: Vec<ThreadHandle<()>>,
    detector: Option<ThreadHandle<()>>,
    carbon: Option<ThreadHandle<()>>,
    /// Sensors, heartbeats, commands, metrics: they end when `local` is cancelled.
    tasks: Vec<JoinHandle<()>>,
    intake: JoinHandle<()>,
    uplink: JoinHandle<()>,
    stop: Arc<StopSignal>,
    local: CancellationToken,
}

async fn supervise(
    running: Running,
    state: Arc<AgentState>,
    shutdown: CancellationToken,
) -> Result<AgentReport, AgentError> {
    let Running { cameras, detector, carbon, tasks, intake, uplink, stop, local } = running;
    let has_cameras = detector.is_some();
    let seeing = tokio::task::spawn_blocking(move || {
        let mut threads = cameras.into_iter().chain(detector);
        threads.try_for_each(|thread| thread.join()).map_err(|_| AgentError::Died { part: "detector or a camera" })
    });
    tokio::pin!(seeing);
    let mut seen = None;
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = &mut seeing, if has_cameras => seen = Some(ended),
    }
    stop.stop();
    local.cancel();
    let seen = match seen {
        Some(seen) => seen,
        None => seeing.await,
    };
    seen.unwrap_or(Err(AgentError::Died { part: "detector" }))?;
    for task in tasks {
        task.await.map_err(|_| AgentError::Died { part: "sensors, heartbeat, commands or metrics" })?;
    }
    intake.await.map_err(|_| AgentError::Died { part: "intake" })?;
    uplink.await.map_err(|_| AgentError::Died { part: "uplink" })?;
    let carbon = tokio::task::spawn_blocking(move || carbon.map_or(Ok(()), ThreadHandle::join)).await;
    carbon.is_ok_and(|ended| ended.is_ok()).then_some(()).ok_or(AgentError::Died { part: "carbon" })?;
    Ok(report(&state.status()))
}

fn report(status: &AgentStatus) -> AgentReport {
    let failed = status.cameras.iter().filter(|camera| camera.state == CameraState::Failed);
    AgentReport {
        device_id: status.device_id.clone(),
        frames: status.cameras.iter().map(|camera| camera.frames).sum(),
        detections: status.cameras.iter().map(|camera| camera.detections).sum(),
        skipped: status.cameras.iter().map(|camera| camera.skipped).sum(),
        delivered_rows: status.sent_rows,
        delivered_messages: status.sent_messages,
        left_rows: status.spool_rows,
        left_messages: status.spool_messages,
        dropped_rows: status.dropped_rows,
        failed_cameras: failed.map(|camera| camera.camera_id.clone()).collect(),
    }
}
