//! The small table in the terminal: a line a camera, drawn again every second; a plain line now and then where the
//! output is no terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use comfy_table::{Table, presets};
use futures::TryStreamExt;
use headwater_agent::StatusWatch;
use headwater_serve::QueryService;
use tokio::time::{MissedTickBehavior, interval};

/// How often the table is drawn on a terminal.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// How often it is printed elsewhere.
const PRINT_EVERY: Duration = Duration::from_secs(10);

/// People a frame in the newest window of each camera, where the query file that counts them runs.
const NEWEST_WINDOW: &str = "\
    SELECT device_id, camera_id, people_mean FROM ( \
        SELECT *, row_number() OVER (PARTITION BY device_id, camera_id ORDER BY window_end DESC) AS place \
        FROM people_per_camera_now) \
    WHERE place = 1";

/// Draws until it is dropped.
pub(crate) struct LiveTable {
    devices: Vec<StatusWatch>,
    service: Arc<QueryService>,
    /// Frames of each camera at the last drawing, and when that was.
    before: BTreeMap<(String, String), (u64, Instant)>,
}

impl LiveTable {
    pub(crate) fn new(devices: Vec<StatusWatch>, service: Arc<QueryService>) -> Self {
        LiveTable { devices, service, before: BTreeMap::new() }
    }

    /// Draws for ever, or until nobody can see it.
    pub(crate) async fn draw(mut self) {
        let terminal = stdout().is_terminal();
        let mut ticks = interval(if terminal { DRAW_EVERY } else { PRINT_EVERY });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut lines = 0;
        loop {
            ticks.tick().await;
            let text = self.text().await;
            // Up to where the last table began, and clear from there.
            let up = if terminal && lines > 0 { format!("\x1b[{lines}A\x1b[J") } else { String::new() };
            if writeln!(stdout(), "{up}{text}").and_then(|()| stdout().flush()).is_err() {
                // Nobody reads; what is running goes on.
                std::future::pending::<()>().await;
            }
            lines = text.lines().count() + 1;
        }
    }

    async fn text(&mut self) -> String {
        let windows = self.newest_windows().await.unwrap_or_default();
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY);
        table.set_header([
            "device",
            "camera",
            "people in view",
            "people, last 10 s",
            "frames/s",
            "skipped",
            "input",
            "state",
        ]);
        for device in &self.devices {
            let status = device.status();
            for camera in &status.cameras {
                let key = (status.device_id.clone(), camera.camera_id.clone());
                let people = windows.get(&key).map_or("–".to_owned(), |mean| format!("{mean:.1}"));
                let rate = rate(self.before.insert(key, (camera.frames, Instant::now())), camera.frames);
                table.add_row([
                    status.device_id.clone(),
                    camera.camera_id.clone(),
                    camera.persons.to_string(),
                    people,
                    rate,
                    camera.skipped.to_string(),
                    camera.tier.to_string(),
                    camera.state.as_str().to_owned(),
                ]);
            }
        }
        table.to_string()
    }

    /// (device, camera) → people a frame. Nothing where no such view runs.
    async fn newest_windows(&self) -> Option<BTreeMap<(String, String), f64>> {
        let rows = self.service.query(NEWEST_WINDOW).await.ok()?;
        let batches: Vec<RecordBatch> = rows.try_collect().await.ok()?;
        let mut windows = BTreeMap::new();
        for batch in batches {
            let text = |column: usize| cast(batch.column(column), &DataType::Utf8).ok();
            let (devices, cameras) = (text(0)?, text(1)?);
            let (devices, cameras) = (devices.as_string::<i32>(), cameras.as_string::<i32>());
            let means = batch.column(2).as_primitive_opt::<Float64Type>()?;
            for row in (0..batch.num_rows()).filter(|row| means.is_valid(*row)) {
                let key = (devices.value(row).to_owned(), cameras.value(row).to_owned());
                windows.insert(key, means.value(row));
            }
        }
        Some(windows)
    }
}

fn rate(before: Option<(u64, Instant)>, frames: u64) -> String {
    let Some((earlier, at)) = before else { return "–".to_owned() };
    format!("{:.1}", frames.saturating_sub(earlier) as f64 / at.elapsed().as_secs_f64().max(0.001))
}
