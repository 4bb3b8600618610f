//! Ctrl-C and SIGTERM, as one token. The second one ends the process where it stands.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that a second Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Told when somebody asks to end.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Begins to listen to signals.
    pub(crate) fn listen() -> anyhow::Result<Shutdown> {
        let token = CancellationToken::new();
        let mut interrupt = signal(SignalKind::interrupt()).context("could not listen to Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("could not listen to SIGTERM")?;
        let told = token.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if told.is_cancelled() {
                    eprintln!("ended before everything was written; the next start goes on from the last checkpoint");
                    std::process::exit(INTERRUPTED);
                }
                told.cancel();
            }
        });
        Ok(Shutdown { token })
    }

    /// Cancelled once.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}
