//! A camera that gives one picture an answer, and is asked again and again.

use std::time::Duration;

use super::http::Http;
use super::mjpeg::UNDECODABLE_MAX;
use crate::clock::Stopwatch;
use crate::pacer::Pacer;
use crate::{CameraError, Picture};

/// A camera that is polled.
pub(crate) struct Snapshot {
    http: Http,
    undecodable: u32,
}

impl Snapshot {
    pub(super) fn new(http: Http) -> Self {
        Self { http, undecodable: 0 }
    }

    /// Waits until the next picture is wanted, and asks for it.
    pub(super) async fn next_frame(&mut self, pacer: &mut Pacer, watch: Stopwatch) -> Result<Picture, CameraError> {
        loop {
            tokio::time::sleep(Duration::from_millis(pacer.due_in_ms(watch.elapsed_ms()))).await;
            pacer.takes(watch.elapsed_ms());
            let answer = self.http.get().await?;
            let body = self.http.body(answer).await?;
            match Picture::decode(&body) {
                Ok(picture) => {
                    self.undecodable = 0;
                    return Ok(picture);
                }
                Err(error) => {
                    tracing::debug!(url = self.http.url(), %error, "picture not decoded");
                    self.undecodable += 1;
                    if self.undecodable >= UNDECODABLE_MAX {
                        return Err(CameraError::Undecodable { url: self.http.url(), frames: self.undecodable });
                    }
                }
            }
        }
    }
}
