//! Rows survive the road to bytes and back, the schemas are the ones that the design states, damage is an error.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use super::control::{Change, Command, Line, Zone};
use super::detections::{self, DetectionRow};
use super::events::{self, EventRow};
use super::frames::{self, FrameRow};
use super::headers::{self, Headers};
use super::sensors::{self, SensorRow};
use super::status::{self, Acknowledgement, CameraStatus, Heartbeat};
use super::*;

fn frame(number: u64) -> FrameRow {
    FrameRow {
        device_id: "north".into(),
        camera_id: format!("camera-{}", number % 3).into(),
        ts: 1_700_000_000_000 + number as i64 * 100,
        frame: number,
        persons_detected: (number % 7) as u16,
        objects_detected: (number % 9) as u16,
        width: 768,
        height: 576,
        model: "nanodet-g".into(),
        tier: "416".into(),
        inference_ms: 31.5 + number as f32,
        energy_mj: number.is_multiple_of(2).then_some(number as f32),
        energy_method: "cpu-model".into(),
        skipped: (number % 4) as u32,
    }
}

fn detection(number: u64) -> DetectionRow {
    DetectionRow {
        device_id: "north".into(),
        camera_id: "door".into(),
        ts: 1_700_000_000_000,
        frame: number,
        class: "person".into(),
        confidence: 0.75,
        x1: 1.0,
        y1: 2.0,
        x2: 30.5,
        y2: number as f32,
        track_id: (number % 2 == 1).then_some(number),
    }
}

#[test]
fn frames_survive_an_ipc_stream_plain_and_compressed() {
    for count in [0, 1, COMPRESS_FROM_ROWS - 1, COMPRESS_FROM_ROWS, 1000] {
        let rows: Vec<FrameRow> = (0..count as u64).map(frame).collect();
        let bytes = encode_stream(&frames::to_batch(&rows).unwrap()).unwrap();
        let batches = decode_stream(&bytes).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].schema(), frames::schema());
        assert_eq!(frames::from_batch(&batches[0]).unwrap(), rows);
    }
}

#[test]
fn compression_starts_where_it_pays() {
    let size = |count: usize| {
        let rows: Vec<FrameRow> = (0..count as u64).map(frame).collect();
        encode_stream(&frames::to_batch(&rows).unwrap()).unwrap().len()
    };
    assert!(size(COMPRESS_FROM_ROWS) < size(COMPRESS_FROM_ROWS - 1), "{}", size(COMPRESS_FROM_ROWS));
}

#[test]
fn detections_survive_an_ipc_stream() {
    let rows: Vec<DetectionRow> = (0..250).map(detection).collect();
    let bytes = encode_stream(&detections::to_batch(&rows).unwrap()).unwrap();
    assert_eq!(detections::from_batch(&decode_stream(&bytes).unwrap()[0]).unwrap(), rows);
}

#[test]
fn sensor_readings_survive_an_ipc_stream() {
    let row = |value| SensorRow {
        device_id: "north".into(),
        ts: 5,
        sensor: "cpu_temperature".into(),
        value,
        unit: "celsius".into(),
        method: "synthetic".into(),
    };
    let rows = vec![row(51.5), row(-3.0)];
    let bytes = encode_stream(&sensors::to_batch(&rows).unwrap()).unwrap();
    assert_eq!(sensors::from_batch(&decode_stream(&bytes).unwrap()[0]).unwrap(), rows);
}

#[test]
fn the_columns_are_the_declared_ones() {
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let ts = DataType::Timestamp(TimeUnit::Millisecond, None);
    let frame_columns = [
        ("device_id", text.clone()),
        ("camera_id", text.clone()),
        ("ts", ts.clone()),
        ("frame", DataType::UInt64),
        ("persons_detected", DataType::UInt16),
        ("objects_detected", DataType::UInt16),
        ("width", DataType::UInt16),
        ("height", DataType::UInt16),
        ("model", text.clone()),
        ("tier", text.clone()),
        ("inference_ms", DataType::Float32),
        ("energy_mj", DataType::Float32),
        ("energy_method", text.clone()),
        ("skipped", DataType::UInt32),
    ];
    let detection_columns = [
        ("device_id", text.clone()),
        ("camera_id", text.clone()),
        ("ts", ts),
        ("frame", DataType::UInt64),
        ("class", text),
        ("confidence", DataType::Float32),
        ("x1", DataType::Float32),
        ("y1", DataType::Float32),
        ("x2", DataType::Float32),
        ("y2", DataType::Float32),
        ("track_id", DataType::UInt64),
    ];
    let columns = |schema: arrow::datatypes::SchemaRef| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    let expected = |columns: &[(&str, DataType)]| -> Vec<(String, DataType)> {
        columns.iter().map(|(name, data_type)| ((*name).to_owned(), data_type.clone())).collect()
    };
    assert_eq!(columns(frames::schema()), expected(&frame_columns));
    assert_eq!(columns(detections::schema()), expected(&detection_columns));
    let nullable = |schema: arrow::datatypes::SchemaRef| -> Vec<String> {
        schema.fields().iter().filter(|field| field.is_nullable()).map(|field| field.name().clone()).collect()
    };
    assert_eq!(nullable(frames::schema()), ["energy_mj"]);
    assert_eq!(nullable(detections::schema()), ["track_id"]);
}

#[test]
fn a_truncated_stream_is_an_error_and_not_fewer_rows() {
    let rows: Vec<FrameRow> = (0..50).map(frame).collect();
    let bytes = encode_stream(&frames::to_batch(&rows).unwrap()).unwrap();
    let whole = decode_stream(&bytes).unwrap();
    assert_eq!(whole[0].num_rows(), 50);
    for cut in [0, 1, 100, bytes.len() / 2, bytes.len() - 200] {
        assert!(matches!(decode_stream(&bytes[..cut]), Err(BatchError::Decode { .. })), "cut at {cut}");
    }
}

#[test]
fn a_batch_of_another_schema_names_the_column() {
    let batch = frames::to_batch(&[frame(0)]).unwrap();
    let error = detections::from_batch(&batch).unwrap_err().to_string();
    assert!(error.starts_with("column class of headwater.detections.v1"), "{error}");
}

#[test]
fn headers_survive_and_say_what_is_wrong() {
    let written = Headers::new(frames::SCHEMA, "north", "b-1", 42);
    let pairs = written.to_pairs();
    let borrowed = |pairs: &[(&'static str, Vec<u8>)]| -> Result<Headers, BatchError> {
        Headers::from_pairs(pairs.iter().map(|(name, bytes)| (*name, bytes.as_slice())))
    };
    assert_eq!(borrowed(&pairs).unwrap(), written);
    assert_eq!(written.content_type, headers::ARROW_STREAM);
    assert_eq!(Headers::new(status::SCHEMA, "n", "b", 0).content_type, headers::JSON);
    let mut reordered = pairs.to_vec();
    reordered.reverse();
    reordered.push(("traceparent", b"\xff".to_vec()));
    assert_eq!(borrowed(&reordered).unwrap(), written);
    assert_eq!(borrowed(&pairs[..4]).unwrap_err().to_string(), "header seq is missing");
    let mut broken = pairs.to_vec();
    broken[4].1 = b"4x".to_vec();
    assert_eq!(borrowed(&broken).unwrap_err().to_string(), "header seq is not readable: 4x");
}

#[test]
fn a_heartbeat_survives_and_its_time_has_no_zone() {
    let heartbeat = Heartbeat {
        device_id: "north".into(),
        boot: "b".into(),
        ts: status::timestamp_text(1_700_000_000_007),
        version: "0.1.0".into(),
        config_hash: "ab".into(),
        uptime_s: 3,
        cameras: vec![CameraStatus {
            camera_id: "door".into(),
            source: "synthetic".into(),
            state: "running".into(),
            fps: 9.5,
            skipped: 2,
            tier: "416".into(),
            reason: Some("refused".into()),
            energy_mj: Some(12.5),
        }],
        spool_bytes: 1,
        spool_rows: 2,
        sent_rows: 3,
        carbon_intensity_g_per_kwh: Some(120.0),
        energy_mj_total: None,
        dropped_messages: 4,
        control: Some(Acknowledgement { command_id: "c".into(), accepted: false, reason: "no such camera".into() }),
    };
    assert_eq!(heartbeat.ts, "2023-11-14T22:13:20.007");
    assert_eq!(Heartbeat::from_json(&heartbeat.to_json().unwrap()).unwrap(), heartbeat);
}

#[test]
fn a_heartbeat_of_an_older_agent_is_read() {
    let older = br#"{"device_id": "north", "boot": "b", "ts": "2026-01-01T00:00:00", "version": "0.1.0",
        "config_hash": "ab", "uptime_s": 3, "spool_bytes": 1, "spool_rows": 2, "sent_rows": 3,
        "carbon_intensity_g_per_kwh": null, "energy_mj_total": null, "cameras": [{"camera_id": "door",
        "source": "synthetic", "state": "running", "fps": 9.5, "skipped": 2, "tier": "416"}]}"#;
    let heartbeat = Heartbeat::from_json(older).unwrap();
    assert_eq!((heartbeat.dropped_messages, heartbeat.control), (0, None));
    assert_eq!((heartbeat.cameras[0].reason.as_ref(), heartbeat.cameras[0].energy_mj), (None, None));
}

#[test]
fn events_survive_an_ipc_stream() {
    let event = |number: u64| EventRow {
        device_id: "north".into(),
        camera_id: "door".into(),
        ts: 1_700_000_000_000,
        frame: number,
        event: if number.is_multiple_of(2) { "enter" } else { "forward" }.into(),
        place: "hall".into(),
        class: "person".into(),
        track_id: number,
        dwell_ms: (number % 3 == 1).then_some(number),
        occupancy: number.is_multiple_of(2).then_some(7),
    };
    let rows: Vec<EventRow> = (0..250).map(event).collect();
    let bytes = encode_stream(&events::to_batch(&rows).unwrap()).unwrap();
    assert_eq!(events::from_batch(&decode_stream(&bytes).unwrap()[0]).unwrap(), rows);
}

#[test]
fn a_command_survives_and_an_unknown_key_is_refused() {
    let zone = Zone { name: "hall".into(), polygon: vec![[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]], classes: vec![] };
    let line = Line { name: "door".into(), from: [0.0, 0.5], to: [1.0, 0.5], classes: vec!["person".into()] };
    let set = Change { fps: Some(2.0), zones: Some(vec![zone]), lines: Some(vec![line]), ..Change::default() };
    let command = Command { id: "c1".into(), device_id: "north".into(), set, ..Command::default() };
    assert_eq!(Command::from_json(&command.to_json().unwrap()).unwrap(), command);
    assert!(command.is_for("north") && !command.is_for("south"));
    let every = Command::from_json(br#"{"id": "c2", "device_id": "*", "set": {"paused": true}}"#).unwrap();
    assert!(every.is_for("south") && every.set.paused == Some(true));
    let unknown = Command::from_json(br#"{"id": "c3", "device_id": "*", "set": {"speed": 3}}"#).unwrap_err();
    assert!(format!("{:?}", unknown).contains("unknown field `speed`"), "{unknown:?}");
}

#[test]
fn rows_share_their_text() {
    let rows: Vec<FrameRow> = (0..3).map(frame).collect();
    let read = frames::from_batch(&frames::to_batch(&rows).unwrap()).unwrap();
    assert!(Arc::ptr_eq(&read[0].device_id, &read[2].device_id));
}
