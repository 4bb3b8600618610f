//! Rows that come late, in whole jobs: windows are given whole when they close and corrected by what comes within
//! `allowed_lateness`, sessions and window tables wait so much longer, and `late_sink` gets exactly the rest, so that
//! every row is counted or is there. What is late is known beforehand, for a script deals the rows in one order.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_runtime::{Job, JobEnd, JobSettings};
use headwater_sql::{PlanSettings, plan};
use headwater_state::CheckpointStore;
use object_store::memory::InMemory;
use serde_json::Value;

use script::{Row, Scripted, Steps, rows};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// `allowed_lateness` of every table, in seconds.
const ALLOWED: i64 = 20;

/// Whether late rows go to a table.
#[derive(Clone, Copy, PartialEq)]
enum Late {
    Collected,
    Counted,
}

/// The tables of a script, the one for their late rows, and one for results.
fn tables(steps: Steps, late: Late) -> String {
    let late_sink = if late == Late::Collected { ", late_sink = 'too_late'" } else { "" };
    let names: BTreeSet<&str> = steps.iter().map(|(table, _)| *table).collect();
    let sources = names.into_iter().map(|name| {
        format!(
            "CREATE TABLE {name} (id BIGINT NOT NULL, sec BIGINT NOT NULL, ts TIMESTAMP NOT NULL,
                 WATERMARK FOR ts AS (ts - INTERVAL '0 seconds')
             ) WITH (connector = 'script', type = 'source', 'watermark.step' = interval '1 millisecond',
                     allowed_lateness = interval '{ALLOWED} seconds'{late_sink});"
        )
    });
    let sinks = "
        CREATE TABLE too_late WITH (connector = 'single_file', path = 'late.json', format = 'json', type = 'sink');
        CREATE TABLE counts WITH (connector = 'single_file', path = 'counts.json', format = 'debezium_json', type = 'sink');";
    sources.collect::<String>() + sinks
}

/// What a job wrote.
struct Written {
    /// The changes of `counts` in order: a window and its count, come or gone.
    changes: Vec<((i64, i64), i64)>,
    /// The numbers of the rows in the table of late rows.
    late: Vec<i64>,
    /// The rows that operators say were late.
    counted_late: u64,
}

/// Runs `query`, whose columns are `w` and `n`, into `counts`.
async fn run(steps: Steps, query: &str, late: Late, parallelism: usize) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let connectors = Scripted::new(steps, folder.path());
    let sql = format!("{}\n{query}", tables(steps, late));
    let script = plan(&sql, &connectors, &PlanSettings { parallelism });
    let script = script.unwrap_or_else(|error| panic!("{}", error.render("query.sql", &sql)));
    let checkpoint_interval = Some(Duration::from_millis(2));
    let settings = JobSettings { parallelism, checkpoint_interval, ..JobSettings::default() };
    let store = CheckpointStore::new(Arc::new(InMemory::new()), "checkpoints");
    let job = Job::start("late", script.graph.unwrap(), settings, Some(store)).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, job.ended()).await;
    assert_eq!(ended.unwrap_or_else(|_| panic!("{:?}", job.status())).unwrap(), JobEnd::Finished);
    let collected = if late == Late::Collected { lines(folder.path(), "late.json") } else { Vec::new() };
    let mut late: Vec<i64> = collected.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    late.sort_unstable();
    let changes = lines(folder.path(), "counts.json").iter().flat_map(sides).collect();
    Written { changes, late, counted_late: job.status().late_rows }
}

fn lines(folder: &Path, name: &str) -> Vec<Value> {
    let content = std::fs::read_to_string(folder.join(name)).unwrap();
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What an envelope takes back, and what it gives.
fn sides(envelope: &Value) -> Vec<((i64, i64), i64)> {
    let side = |name: &str, weight: i64| {
        let row = envelope.get(name).filter(|row| !row.is_null())?;
        Some(((row["w"].as_i64().unwrap(), row["n"].as_i64().unwrap()), weight))
    };
    side("before", -1).into_iter().chain(side("after", 1)).collect()
}

impl Written {
    /// The count of each window once all changes are folded.
    fn counts(&self) -> BTreeMap<i64, i64> {
        let mut sums: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        for (row, weight) in &self.changes {
            *sums.entry(*row).or_default() += weight;
        }
        sums.retain(|_, weight| *weight != 0);
        assert!(sums.values().all(|weight| *weight == 1), "{sums:?}");
        let counts: BTreeMap<i64, i64> = sums.keys().copied().collect();
        assert_eq!(counts.len(), sums.len(), "a window has two counts: {sums:?}");
        counts
    }

    /// What was said of each window first.
    fn first_counts(&self) -> BTreeMap<i64, i64> {
        let mut first = BTreeMap::new();
        for ((window, count), _) in self.changes.iter().filter(|(_, weight)| *weight > 0) {
            first.entry(*window).or_insert(*count);
        }
        first
    }
}

/// How the rows of a script come to windows over all its tables.
#[derive(Debug, Default)]
struct Judged {
    in_time: Vec<Row>,
    /// After their last window has closed, but not too late.
    correcting: Vec<Row>,
    late: Vec<Row>,
}

impl Judged {
    /// `end` is that of the last window of a row.
    fn new(steps: Steps, end: impl Fn(i64) -> i64) -> Self {
        let tables = steps.iter().map(|(table, _)| *table).collect::<BTreeSet<&str>>().len();
        let mut judged = Judged::default();
        let mut times: BTreeMap<&str, i64> = BTreeMap::new();
        for (table, rows) in rows(steps) {
            // A table that has said nothing holds the others back.
            let watermark = times.values().min().copied().filter(|_| times.len() == tables).unwrap_or(i64::MIN);
            for row in rows {
                let time = times.entry(table).or_insert(row.second);
                *time = row.second.max(*time);
                match end(row.second) {
                    end if end > watermark => judged.in_time.push(row),
                    end if end + ALLOWED > watermark => judged.correcting.push(row),
                    _ => judged.late.push(row),
                }
            }
        }
        assert!(!judged.late.is_empty() && !judged.in_time.is_empty(), "{judged:?}");
        judged
    }

    fn counted(&self) -> Vec<Row> {
        self.in_time.iter().chain(&self.correcting).copied().collect()
    }

    fn late(&self) -> Vec<i64> {
        self.late.iter().map(|row| row.id).collect()
    }
}

fn end_of_ten(second: i64) -> i64 {
    second.div_euclid(10) * 10 + 10
}

/// Rows by windows of ten seconds.
fn by_ten(rows: &[Row]) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.second.div_euclid(10)).or_default() += 1;
    }
    counts
}

/// Rows by sessions, which are over `gap` seconds after their last row; by their first second.
fn by_session(rows: &[Row], gap: i64) -> BTreeMap<i64, i64> {
    let mut seconds: Vec<i64> = rows.iter().map(|row| row.second).collect();
    seconds.sort_unstable();
    let mut counts = BTreeMap::new();
    let mut open: Option<(i64, i64)> = None;
    for second in seconds {
        let first = open.filter(|(_, last)| second - last < gap).map_or(second, |(first, _)| first);
        open = Some((first, second));
        *counts.entry(first).or_default() += 1;
    }
    counts
}

/// Every row is counted or in the table of late rows, and no row is both.
fn assert_nothing_is_lost(steps: Steps, written: &Written) {
    let all: usize = steps.iter().map(|(_, seconds)| seconds.len()).sum();
    let counted: i64 = written.counts().values().sum();
    assert_eq!(counted + written.late.len() as i64, all as i64, "{:?} late {:?}", written.changes, written.late);
}

const TUMBLE: &str = "INSERT INTO counts SELECT w, n FROM (
    SELECT tumble(interval '10 seconds') AS window, min(sec) / 10 AS w, count(*) AS n FROM seen GROUP BY window
);";

/// The watermark is the latest second of the batches before: 12, 25, 31, 33, 52, 61.
const ONE_TABLE: Steps = &[
    ("seen", &[1, 4, 12]),
    ("seen", &[7, 11, 25]),
    ("seen", &[3, 15, 29, 31]),
    ("seen", &[2, 18, 33]),
    ("seen", &[9, 19, 22, 52]),
    ("seen", &[5, 13, 24, 28, 36, 55, 61]),
    ("seen", &[29, 39, 47, 48, 90]),
];

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_given_whole_then_corrected_and_the_rest_is_too_late() {
    let judged = Judged::new(ONE_TABLE, end_of_ten);
    for parallelism in [1, 2] {
        let written = run(ONE_TABLE, TUMBLE, Late::Collected, parallelism).await;
        assert_eq!(written.counts(), by_ten(&judged.counted()), "by {parallelism}");
        assert_eq!(written.late, judged.late(), "by {parallelism}");
        assert_eq!(written.counted_late, judged.late.len() as u64, "by {parallelism}");
        // What a window says first is what came in time; one that was empty then begins with its first correction.
        let first = written.first_counts();
        for (window, count) in by_ten(&judged.in_time) {
            assert_eq!(first.get(&window), Some(&count), "window {window} by {parallelism}: {:?}", written.changes);
        }
        let in_time: i64 = by_ten(&judged.in_time).values().sum();
        let corrected = written.counts().values().sum::<i64>() - in_time;
        assert_eq!(corrected, judged.correcting.len() as i64, "by {parallelism}");
        assert_nothing_is_lost(ONE_TABLE, &written);
    }
    assert!(judged.correcting.len() >= 5, "{judged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_table_waits_for_rows_that_may_come_late() {
    let query = "INSERT INTO counts SELECT min(sec) / 10 AS w, count(*) AS n
        FROM TUMBLE(TABLE seen, DESCRIPTOR(ts), interval '10 seconds') GROUP BY window_start;";
    let judged = Judged::new(ONE_TABLE, end_of_ten);
    for parallelism in [1, 2] {
        let written = run(ONE_TABLE, query, Late::Collected, parallelism).await;
        assert_eq!(written.counts(), by_ten(&judged.counted()), "by {parallelism}");
        assert!(written.changes.iter().all(|(_, weight)| *weight == 1), "it corrects nothing: {:?}", written.changes);
        assert_eq!(written.late, judged.late(), "by {parallelism}");
        assert_nothing_is_lost(ONE_TABLE, &written);
    }
}

/// A row without a place in any window is in the table of late rows once, however many windows there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_too_late_when_the_longest_of_several_windows_is_over() {
    let query = "CREATE TABLE wide WITH (connector = 'blackhole');
        INSERT INTO wide SELECT tumble(interval '30 seconds') AS window, count(*) AS n FROM seen GROUP BY window;";
    // The script begins 20 seconds into a window of 30.
    let judged = Judged::new(ONE_TABLE, |second| (second + 20).div_euclid(30) * 30 + 10);
    let written = run(ONE_TABLE, &format!("{query}{TUMBLE}"), Late::Collected, 1).await;
    assert_eq!(written.late, judged.late());
    assert_eq!(written.counts(), by_ten(&Judged::new(ONE_TABLE, end_of_ten).counted()));
}

const SESSION: &str = "INSERT INTO counts SELECT w, n FROM (
    SELECT session(interval '5 seconds') AS window, min(sec) AS w, count(*) AS n FROM seen GROUP BY window
);";

/// Late for a session that is over, or in one that is not.
const SESSIONS: Steps =
    &[("seen", &[0, 3, 40]), ("seen", &[22, 42]), ("seen", &[10, 21, 45]), ("seen", &[60]), ("seen", &[30, 41, 61])];

#[tokio::test(flavor = "multi_thread")]
async fn a_session_waits_for_rows_that_may_come_late() {
    let judged = Judged::new(SESSIONS, |second| second + 5);
    for parallelism in [1, 2] {
        let written = run(SESSIONS, SESSION, Late::Counted, parallelism).await;
        assert_eq!(written.counts(), by_session(&judged.counted(), 5), "by {parallelism}");
        assert!(written.changes.iter().all(|(_, weight)| *weight == 1), "it corrects nothing: {:?}", written.changes);
        assert_eq!(written.counted_late, judged.late.len() as u64, "by {parallelism}");
    }
}

/// A session that is still open takes a row in its midst, whose own gap would be over.
const IN_AN_OPEN_SESSION: Steps = &[("seen", &[0, 4, 8, 12, 33]), ("seen", &[3, 34])];

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_an_open_session_takes_is_not_too_late() {
    let written = run(IN_AN_OPEN_SESSION, SESSION, Late::Counted, 1).await;
    assert_eq!(written.counts().values().sum::<i64>(), 7);
    assert_eq!(written.counted_late, 0);
}

const UNION: &str = "CREATE VIEW both AS SELECT * FROM seen UNION ALL SELECT * FROM heard;
    INSERT INTO counts SELECT w, n FROM (
        SELECT tumble(interval '10 seconds') AS window, min(sec) / 10 AS w, count(*) AS n FROM both GROUP BY window
    );";

/// Two tables that are as far as each other whenever a row comes late.
const SIDE_BY_SIDE: Steps = &[
    ("seen", &[1, 4, 12]),
    ("heard", &[2, 12]),
    ("seen", &[7, 25]),
    ("heard", &[3, 11, 25]),
    ("seen", &[18, 41]),
    ("heard", &[15, 41]),
    ("seen", &[5, 13, 29, 61]),
    ("heard", &[8, 19, 28, 61]),
    ("seen", &[22, 35, 45, 70]),
    ("heard", &[33, 44, 70]),
];

#[tokio::test(flavor = "multi_thread")]
async fn late_rows_of_two_tables_in_one_window() {
    let judged = Judged::new(SIDE_BY_SIDE, end_of_ten);
    for parallelism in [1, 2] {
        let written = run(SIDE_BY_SIDE, UNION, Late::Counted, parallelism).await;
        assert_eq!(written.counts(), by_ten(&judged.counted()), "by {parallelism}");
        assert_eq!(written.counted_late, judged.late.len() as u64, "by {parallelism}");
    }
}

/// A table that is far ahead: its rows are late by its own time, and in time for a window over both tables.
const ONE_AHEAD: Steps =
    &[("seen", &[1, 4, 50]), ("heard", &[2]), ("seen", &[5, 51]), ("heard", &[60]), ("seen", &[3, 62])];

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_window_over_two_tables_takes_is_not_too_late() {
    let judged = Judged::new(ONE_AHEAD, end_of_ten);
    let written = run(ONE_AHEAD, UNION, Late::Counted, 1).await;
    assert_eq!(written.counts(), by_ten(&judged.counted()));
    assert_eq!(written.counted_late, judged.late.len() as u64);
}

/// A window that nobody reads takes no rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_nobody_reads_keeps_no_row_from_the_late_ones() {
    let query = "CREATE VIEW unread AS
        SELECT tumble(interval '1 hour') AS window, count(*) AS n FROM seen GROUP BY window;";
    let written = run(ONE_TABLE, &format!("{query}{TUMBLE}"), Late::Collected, 1).await;
    assert_eq!(written.late, Judged::new(ONE_TABLE, end_of_ten).late());
}

/// The groups of a window without aggregates only come, late ones too.
#[tokio::test(flavor = "multi_thread")]
async fn distinct_rows_of_a_window_come_once() {
    let query = "INSERT INTO counts SELECT sec AS w, 1 AS n FROM (
        SELECT tumble(interval '10 seconds') AS window, sec FROM seen GROUP BY window, sec);";
    let written = run(ONE_TABLE, query, Late::Collected, 1).await;
    let judged = Judged::new(ONE_TABLE, end_of_ten);
    let seconds: BTreeSet<i64> = judged.counted().iter().map(|row| row.second).collect();
    assert_eq!(written.counts().into_keys().collect::<BTreeSet<i64>>(), seconds);
    assert_eq!(written.late, judged.late());
}
