//! Made-up frames, and what batch DataFusion says of them.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::json::LineDelimitedWriter;
use datafusion::prelude::{JsonReadOptions, SessionContext};
use serde_json::json;

const FRAMES: u64 = 120_000;

/// Frames of half an hour as JSON lines: out of order by up to half a second, with nulls and quiet stretches.
pub(crate) fn frames() -> String {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |bound: u64| {
        // Marsaglia's xorshift, so that every run has the same rows.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    let mut lines = String::new();
    for number in 0..FRAMES {
        let at_ms = 1_700_000_000_000 + number * 15 + next(500);
        let (seconds, millis) = (at_ms / 1000, at_ms % 1000);
        let people = if next(20) == 0 { json!(null) } else { json!(next(10)) };
        let time = arrow::array::temporal_conversions::timestamp_s_to_datetime(seconds as i64).unwrap();
        let ts = format!("{}.{millis:03}", time.format("%Y-%m-%dT%H:%M:%S"));
        // A few tracks come and go, so that sessions end.
        let track = next(8) + 8 * (number / 2_000) % 96;
        let frame = json!({ "ts": ts, "camera": format!("c{}", next(12)), "people": people, "track": track });
        lines += &format!("{frame}\n");
    }
    lines
}

/// The rows of a batch query over the frames, each as one text, sorted.
pub(crate) async fn batch(frames: &Path, sql: &str) -> Vec<String> {
    let context = SessionContext::new();
    let path = frames.to_string_lossy();
    context.register_json("read", &*path, JsonReadOptions::default().file_extension(".json")).await.unwrap();
    let typed = "CREATE VIEW frames AS SELECT CAST(ts AS TIMESTAMP) AS ts, camera, people, track FROM read";
    context.sql(typed).await.unwrap();
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    rows(&batches)
}

fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut bytes);
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    sorted(std::str::from_utf8(&bytes).unwrap())
}

/// JSON lines as comparable texts: nulls left out, keys and rows in order, floating point to nine digits.
pub(crate) fn sorted(lines: &str) -> Vec<String> {
    let normal = |line: &str| {
        let serde_json::Value::Object(row) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let mut cells: Vec<String> = Vec::new();
        for (key, value) in row.into_iter().filter(|(_, value)| !value.is_null()) {
            cells.push(match value.as_f64().filter(|_| value.is_f64()) {
                Some(number) => format!("{key}={number:.9}"),
                None => format!("{key}={value}"),
            });
        }
        cells.sort();
        cells.join(" ")
    };
    let mut rows: Vec<String> = lines.lines().map(normal).collect();
    rows.sort();
    rows
}
