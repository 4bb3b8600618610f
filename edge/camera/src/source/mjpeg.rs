//! A camera that answers one request with JPEGs without end (`multipart/x-mixed-replace`).

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::http::Http;
use super::multipart::Parts;
use crate::clock::Stopwatch;
use crate::pacer::Pacer;
use crate::{CameraError, Picture};

/// An answer that goes on.
pub(crate) struct Mjpeg {
    http: Http,
    answer: Response,
    parts: Parts,
}

impl Mjpeg {
    pub(super) async fn open(mut http: Http) -> Result<Self, CameraError> {
        let answer = http.get().await?;
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
            return Err(CameraError::NotMultipart { url: http.url(), found: content_type.to_owned() });
        }
        let parts = Parts::of(content_type);
        Ok(Self { http, answer, parts })
    }

    pub(super) async fn next_frame(&mut self, pacer: &mut Pacer, watch: Stopwatch) -> Result<Picture, CameraError> {
        loop {
            let part = self.next_part().await?;
            // What is not wanted is not decoded.
            if pacer.takes(watch.elapsed_ms())
                && let Some(picture) = self.http.picture(&part)?
            {
                return Ok(picture);
            }
        }
    }

    async fn next_part(&mut self) -> Result<Vec<u8>, CameraError> {
        loop {
            if let Some(part) = self.parts.next_part().map_err(|long| self.http.too_long(long.bytes))? {
                return Ok(part);
            }
            let piece = self.answer.chunk().await.map_err(|source| self.http.failed(source))?;
            self.parts.push(&piece.ok_or_else(|| CameraError::Ended { url: self.http.url() })?);
        }
    }
}
