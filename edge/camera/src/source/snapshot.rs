//! A camera that gives one picture an answer, and is asked again and again.

use std::time::Duration;

use super::http::Http;
use crate::clock::Stopwatch;
use crate::pacer::Pacer;
use crate::{CameraError, Picture};

/// A camera that is polled.
pub(crate) struct Snapshot {
    http: Http,
}

impl Snapshot {
    pub(super) fn new(http: Http) -> Self {
        Self { http }
    }

    /// Waits until the next picture is wanted, and asks for it.
    pub(super) async fn next_frame(&mut self, pacer: &mut Pacer, watch: Stopwatch) -> Result<Picture, CameraError> {
        loop {
            tokio::time::sleep(Duration::from_millis(pacer.due_in_ms(watch.elapsed_ms()))).await;
            pacer.takes(watch.elapsed_ms());
            let answer = self.http.get().await?;
            let body = self.http.body(answer).await?;
            if let Some(picture) = self.http.picture(&body)? {
                return Ok(picture);
            }
        }
    }
}
