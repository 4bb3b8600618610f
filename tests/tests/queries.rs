//! The law of the dialect, over the whole engine: a continuous query over a finite input gives, once the input has
//! ended, the rows that the same query gives as a batch query. Each query file runs from a JSON file to a JSON file at
//! several parallelisms, uninterrupted and with crashes in the middle, and batch DataFusion is the oracle.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

#[path = "queries/oracle.rs"]
mod oracle;
#[path = "queries/stream.rs"]
mod stream;

use std::path::Path;

/// How often a job is run until a crash comes in its middle.
const ATTEMPTS: usize = 20;

/// One query, said twice.
struct Case {
    name: &'static str,
    /// The select over `frames`, as a continuous query.
    continuous: &'static str,
    /// The same as a batch query.
    batch: &'static str,
}

const TUMBLE: Case = Case {
    name: "tumble",
    continuous: "SELECT window.start AS at, camera, n, people, most, cams FROM (
        SELECT tumble(interval '10 seconds') AS window, camera, count(*) AS n, sum(people) AS people,
               max(people) AS most, count(DISTINCT track) FILTER (WHERE people > 2) AS cams
        FROM frames WHERE people < 9 GROUP BY window, camera HAVING count(*) > 3)",
    batch: "SELECT date_bin(interval '10 seconds', ts) AS at, camera, count(*) AS n, sum(people) AS people,
               max(people) AS most, count(DISTINCT track) FILTER (WHERE people > 2) AS cams
        FROM frames WHERE people < 9 GROUP BY 1, 2 HAVING count(*) > 3",
};

const HOP: Case = Case {
    name: "hop",
    continuous: "SELECT window.start AS at, camera, people, mean FROM (
        SELECT hop(interval '5 seconds', interval '20 seconds') AS window, camera, sum(people) AS people,
               avg(people) AS mean
        FROM frames GROUP BY window, camera)",
    batch: "SELECT at, camera, sum(people) AS people, avg(people) AS mean FROM (
        SELECT date_bin(interval '5 seconds', ts) AS at, camera, people FROM frames
        UNION ALL SELECT date_bin(interval '5 seconds', ts) - interval '5 seconds', camera, people FROM frames
        UNION ALL SELECT date_bin(interval '5 seconds', ts) - interval '10 seconds', camera, people FROM frames
        UNION ALL SELECT date_bin(interval '5 seconds', ts) - interval '15 seconds', camera, people FROM frames)
        GROUP BY at, camera",
};

const SESSION: Case = Case {
    name: "session",
    continuous: "SELECT window.start AS first, window.end AS last, track, n FROM (
        SELECT session(interval '3 seconds') AS window, track, count(*) AS n FROM frames GROUP BY window, track)",
    batch: "SELECT min(ts) AS first, max(ts) + interval '3 seconds' AS last, track, count(*) AS n FROM (
        SELECT *, sum(opens) OVER (PARTITION BY track ORDER BY ts ROWS UNBOUNDED PRECEDING) AS session FROM (
            SELECT *, CASE WHEN ts - lag(ts) OVER (PARTITION BY track ORDER BY ts) < interval '3 seconds'
                           THEN 0 ELSE 1 END AS opens FROM frames))
        GROUP BY track, session",
};

const TOP_N: Case = Case {
    name: "top_n",
    continuous: "SELECT window.start AS at, place, camera, people FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY window ORDER BY people DESC, camera) AS place FROM (
            SELECT tumble(interval '30 seconds') AS window, camera, sum(people) AS people
            FROM frames GROUP BY window, camera))
        WHERE place <= 3",
    batch: "SELECT at, place, camera, people FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY at ORDER BY people DESC, camera) AS place FROM (
            SELECT date_bin(interval '30 seconds', ts) AS at, camera, sum(people) AS people
            FROM frames GROUP BY 1, 2))
        WHERE place <= 3",
};

async fn equals_batch(case: Case) {
    let folder = tempfile::tempdir().unwrap();
    let frames = folder.path().join("frames.json");
    std::fs::write(&frames, oracle::frames()).unwrap();
    let expected = oracle::batch(&frames, case.batch).await;
    assert!(expected.len() > 50, "{} has an answer to compare with", case.name);
    for parallelism in [1, 3] {
        let found = stream::whole(folder.path(), &frames, case.continuous, parallelism).await;
        same(case.name, &found, &expected);
    }
    // A job of a moment may be over before its first checkpoint; then nothing was recovered.
    for _ in 0..ATTEMPTS {
        let answers = tempfile::tempdir().unwrap();
        let (found, crashes) = stream::with_crashes(answers.path(), &frames, case.continuous, &[2, 1, 3]).await;
        same(case.name, &found, &expected);
        if crashes > 0 {
            return;
        }
    }
    panic!("{}: no crash came in the middle, so nothing was recovered", case.name);
}

/// The same rows, in any order.
fn same(name: &str, found: &[String], expected: &[String]) {
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).take(5).collect();
    let wrong: Vec<_> = found.iter().filter(|row| !expected.contains(row)).take(5).collect();
    assert!(
        found == expected,
        "{name}: {} rows, batch gives {}; missing {missing:#?}, wrong {wrong:#?}",
        found.len(),
        expected.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tumbling_windows_equal_batch() {
    equals_batch(TUMBLE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hopping_windows_equal_batch() {
    equals_batch(HOP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_equal_batch() {
    equals_batch(SESSION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn top_n_equals_batch() {
    equals_batch(TOP_N).await;
}

/// Every bundled query file can be planned as it stands.
#[test]
fn bundled_queries_can_be_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../queries");
    let mut planned = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            stream::plan(&std::fs::read_to_string(&path).unwrap(), &path, 2);
            planned += 1;
        }
    }
    assert!(planned >= 5);
}
