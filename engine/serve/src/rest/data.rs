//! `/data`: the newest frame of every camera, and a frame for testing.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use headwater_proto::batch::frames::FrameRow;
use headwater_proto::batch::status::timestamp_text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Shared;
use super::reply::Failure;
use crate::error::chain;
use crate::service::{LatestFrame, now};

/// The device name of a frame is at most this long.
const NAME_BYTES_MAX: usize = 128;

/// A frame as `GET /data` shows it; `device_id`, `timestamp` and `persons_detected` are what its first readers know.
#[derive(Serialize)]
struct FrameBody {
    device_id: String,
    camera_id: Option<String>,
    timestamp: String,
    persons_detected: u64,
    objects_detected: Option<u64>,
    frame: Option<u64>,
    tier: Option<String>,
    inference_ms: Option<f64>,
    energy_mj: Option<f64>,
}

impl From<LatestFrame> for FrameBody {
    fn from(latest: LatestFrame) -> Self {
        FrameBody {
            device_id: latest.device_id,
            camera_id: latest.camera_id,
            timestamp: timestamp_text(latest.ts_ms),
            persons_detected: latest.persons_detected,
            objects_detected: latest.objects_detected,
            frame: latest.frame,
            tier: latest.tier,
            inference_ms: latest.inference_ms,
            energy_mj: latest.energy_mj,
        }
    }
}

pub(super) async fn latest(State(shared): State<Shared>) -> Result<impl IntoResponse, Failure> {
    let frames = shared.service.latest_frames().await?;
    Ok(Json(frames.into_iter().map(FrameBody::from).collect::<Vec<_>>()))
}

/// A frame as `POST /data` takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InjectedFrame {
    device_id: String,
    camera_id: Option<String>,
    /// Text in UTC (`2026-11-23T04:00:00`, with or without `Z`) or milliseconds since 1970; now when there is none.
    timestamp: Option<Value>,
    persons_detected: u16,
}

pub(super) async fn inject(
    State(shared): State<Shared>,
    body: Result<Json<InjectedFrame>, JsonRejection>,
) -> Result<impl IntoResponse, Failure> {
    let Json(body) = body.map_err(|rejection| {
        let example =
            r#"{"device_id": "desk", "persons_detected": 2, "timestamp": "2026-11-23T04:00:00", "camera_id": "c0"}"#;
        Failure::new(rejection.status(), rejection.body_text()).with_hint(format!("send {example}"))
    })?;
    let frame = frame(body, now())?;
    let answer = json!({ "device_id": &*frame.device_id, "camera_id": &*frame.camera_id, "timestamp": timestamp_text(frame.ts) });
    shared.injector.inject(frame).await.map_err(|error| {
        tracing::warn!(error = chain(error.as_ref()), "a frame could not be injected");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, format!("could not send the frame: {}", chain(error.as_ref())))
            .with_hint("see whether the broker is up, and send it again")
    })?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// The row that the edge would have sent.
fn frame(body: InjectedFrame, now: SystemTime) -> Result<FrameRow, Failure> {
    let wrong = |what: &str| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, what.to_owned());
    let device_id = body.device_id.trim();
    let camera_id = body.camera_id.as_deref().map_or("injected", str::trim);
    for (name, value) in [("device_id", device_id), ("camera_id", camera_id)] {
        if value.is_empty() || value.len() > NAME_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(wrong(&format!("{name} must be a name of 1 to {NAME_BYTES_MAX} bytes")));
        }
    }
    let now_ms = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let ts = match body.timestamp {
        None => i64::try_from(now_ms).unwrap_or(i64::MAX),
        Some(value) => timestamp_ms(&value).ok_or_else(|| {
            wrong("timestamp is not a time of the years 1970 to 9999")
                .with_hint("write 2026-11-23T04:00:00 in UTC, or milliseconds since 1970")
        })?,
    };
    let none: Arc<str> = Arc::from("none");
    Ok(FrameRow {
        device_id: Arc::from(device_id),
        camera_id: Arc::from(camera_id),
        ts,
        frame: 0,
        persons_detected: body.persons_detected,
        objects_detected: body.persons_detected,
        width: 0,
        height: 0,
        model: Arc::from("injected"),
        tier: Arc::clone(&none),
        inference_ms: 0.0,
        energy_mj: None,
        energy_method: none,
        skipped: 0,
    })
}

/// The end of the year 9999: beyond it texts have no four-digit year.
const LAST_MS: i64 = 253_402_300_799_999;

fn timestamp_ms(value: &Value) -> Option<i64> {
    let millis = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text).ok()? / 1_000_000,
        _ => return None,
    };
    (0..=LAST_MS).contains(&millis).then_some(millis)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn row(body: &str) -> Result<FrameRow, String> {
        let body = serde_json::from_str(body).map_err(|error| error.to_string())?;
        frame(body, SystemTime::UNIX_EPOCH + Duration::from_millis(5)).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn times_are_texts_with_or_without_zone_or_milliseconds_or_now() {
        let ts =
            |timestamp: &str| row(&format!(r#"{{"device_id": "a", "persons_detected": 1{timestamp}}}"#)).unwrap().ts;
        assert_eq!(ts(""), 5);
        assert_eq!(ts(r#", "timestamp": null"#), 5);
        assert_eq!(ts(r#", "timestamp": 1500"#), 1500);
        assert_eq!(ts(r#", "timestamp": "1970-01-01T00:00:01.5""#), 1500);
        assert_eq!(ts(r#", "timestamp": "1970-01-01T01:00:01.5+01:00""#), 1500);
        assert_eq!(ts(r#", "timestamp": "1970-01-01T00:00:01Z""#), 1000);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let long = format!(r#"{{"device_id": "{}", "persons_detected": 1}}"#, "x".repeat(129));
        for body in [
            r#"{"device_id": " ", "persons_detected": 1}"#,
            r#"{"device_id": "a\u0000b", "persons_detected": 1}"#,
            r#"{"device_id": "a", "persons_detected": -1}"#,
            r#"{"device_id": "a", "persons_detected": 65536}"#,
            r#"{"device_id": "a", "persons_detected": 1, "camera_id": ""}"#,
            r#"{"device_id": "a", "persons_detected": 1, "people": 3}"#,
            r#"{"device_id": "a", "persons_detected": 1, "timestamp": "yesterday"}"#,
            r#"{"device_id": "a", "persons_detected": 1, "timestamp": -5}"#,
            r#"{"device_id": "a", "persons_detected": 1, "timestamp": 1e300}"#,
            &long,
        ] {
            assert!(row(body).is_err(), "{body}");
        }
    }
}
