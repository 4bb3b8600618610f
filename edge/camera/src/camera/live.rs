//! Connects to a live camera, takes its frames, and connects again when it fails, until told to stop.
//!
//! When to try is the [`Supervisor`]'s decision; here is what waits: for the camera to answer, for its next frame, for
//! the time of the next try, and for the stop in all three. The thread has a runtime of its own: a decoder that computes
//! holds up nobody else, and what a connection has spawned ends with it.

use std::mem::{Discriminant, discriminant};
use std::path::PathBuf;
use std::time::Duration;

use super::Outlet;
use crate::clock;
use crate::error::chain;
use crate::pacer::Pacer;
use crate::source::{Connection, LiveKind, LiveSource};
use crate::supervise::{Link, ReconnectOptions, Supervisor};
use crate::vitals::CameraState;
use crate::{CameraError, StopSignal};

/// A camera that is polled is asked so often where nothing is said, frames a second.
const POLLED_FPS: f64 = 1.0;

/// Runs until stopped; fails only where nothing can be tried at all.
pub(super) fn run(
    kind: LiveKind,
    fps: Option<f64>,
    reconnect: ReconnectOptions,
    ffmpeg: PathBuf,
    stop: &StopSignal,
    outlet: Outlet,
) -> Result<(), CameraError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| CameraError::Prepare { source: Box::new(source) })?;
    let fps = fps.or(matches!(kind, LiveKind::Snapshot { .. }).then_some(POLLED_FPS));
    runtime.block_on(async {
        let source = LiveSource::new(kind, fps, ffmpeg);
        Live { source, reconnect, supervisor: Supervisor::new(reconnect), stop, outlet, said: None }.run().await;
    });
    // A name that is being looked up cannot be given up; nobody waits for it.
    runtime.shutdown_background();
    Ok(())
}

struct Live<'a> {
    source: LiveSource,
    reconnect: ReconnectOptions,
    supervisor: Supervisor,
    stop: &'a StopSignal,
    outlet: Outlet,
    /// What was said of the failure before: whether the camera is broken, and the kind of reason.
    said: Option<(bool, Discriminant<CameraError>)>,
}

/// The agent stops; nothing has failed.
struct Stopped;

impl Live<'_> {
    async fn run(&mut self) {
        loop {
            if self.wait_for_next_try().await.is_err() {
                return;
            }
            self.outlet.vitals.set_state(CameraState::Connecting);
            self.outlet.vitals.count_connect();
            match self.connection().await {
                Ok(Stopped) => return,
                Err(error) => self.failed(&error),
            }
        }
    }

    async fn wait_for_next_try(&mut self) -> Result<(), Stopped> {
        let Some(until_ms) = self.supervisor.waits_until_ms() else { return Ok(()) };
        let patience = Duration::from_millis(until_ms.saturating_sub(self.outlet.watch.elapsed_ms()));
        tokio::select! {
            biased;
            () = self.stop.stopped() => return Err(Stopped),
            () = tokio::time::sleep(patience) => {}
        }
        self.supervisor.try_again();
        Ok(())
    }

    /// One connection, from the first question to its end.
    async fn connection(&mut self) -> Result<Stopped, CameraError> {
        let patience_ms = self.reconnect.connect_ms;
        let connected = tokio::select! {
            biased;
            () = self.stop.stopped() => return Ok(Stopped),
            connected = tokio::time::timeout(Duration::from_millis(patience_ms), self.source.connect()) => connected,
        };
        let mut connection =
            connected.map_err(|_| CameraError::NoAnswer { url: self.source.kind.describe(), patience_ms })??;
        let ended = self.frames(&mut connection).await;
        connection.close().await;
        ended
    }

    async fn frames(&mut self, connection: &mut Connection) -> Result<Stopped, CameraError> {
        let mut pacer = Pacer::new(self.source.fps);
        let silence_ms = self.reconnect.silence_ms;
        // A frame that is not wanted yet is not missed.
        let interval_ms = self.source.fps.map_or(0.0, |fps| 1000.0 / fps);
        let patience = Duration::from_millis(silence_ms.saturating_add(interval_ms as u64));
        loop {
            let next = connection.next_frame(&mut pacer, self.outlet.watch);
            let next = tokio::select! {
                biased;
                () = self.stop.stopped() => return Ok(Stopped),
                next = tokio::time::timeout(patience, next) => next,
            };
            let picture = next.map_err(|_| CameraError::Silent { url: self.source.kind.describe(), silence_ms })??;
            if self.supervisor.frame_came(self.outlet.watch.elapsed_ms()) {
                self.said = None;
                self.outlet.vitals.set_state(CameraState::Running);
                tracing::info!(camera = self.outlet.id, "camera runs");
            }
            self.outlet.offer(picture);
        }
    }

    /// Counts a failure and says why there are no frames: once for each kind of reason, and not at every try.
    fn failed(&mut self, error: &CameraError) {
        let reason = chain(error);
        let reason = self.source.kind.address().map_or_else(|| reason.clone(), |address| address.redacted(&reason));
        self.supervisor.failed(self.outlet.watch.elapsed_ms(), clock::chance());
        let is_broken = matches!(self.supervisor.link(), Link::Broken { .. });
        let news = Some((is_broken, discriminant(error)));
        let camera = &self.outlet.id;
        match is_broken {
            _ if self.said == news => {}
            true => tracing::error!(camera, reason, "camera is broken; it is asked again now and then"),
            false => tracing::warn!(camera, reason, "camera failed; it is asked again"),
        }
        self.said = news;
        let vitals = &self.outlet.vitals;
        vitals.count_failure();
        vitals.set_reason(Some(reason));
        vitals.set_state(if is_broken { CameraState::Broken } else { CameraState::Waiting });
    }
}
