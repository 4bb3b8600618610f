//! Session windows against batch SQL that finds the gaps with LAG.

use std::time::Duration;

use headwater_plan::{Phase, Window};

use crate::drive::{Job, Schedule};
use crate::oracle;
use crate::plan::Planned;
use crate::rows::{Random, batches};
use crate::slice_oracle::{AGGREGATES, visible};

fn sessions_sql(gap: u64, keys: &str, aggregates: &str) -> String {
    let partition = if keys.is_empty() { String::new() } else { format!("PARTITION BY {keys} ") };
    let keys = if keys.is_empty() { String::new() } else { format!("{keys}, ") };
    format!(
        "WITH marked AS (\
            SELECT *, CASE WHEN t - lag(t) OVER ({partition}ORDER BY t, id) < {gap} THEN 0 ELSE 1 END AS _new FROM t\
         ), numbered AS (\
            SELECT *, sum(_new) OVER ({partition}ORDER BY t, id ROWS UNBOUNDED PRECEDING) AS _session FROM marked\
         ) SELECT {keys}min(t), max(t) + {gap}, {aggregates} FROM numbered GROUP BY {keys}_session"
    )
}

async fn check(seed: u64, gap: u64, keys: &str, count: usize) {
    let aggregates = AGGREGATES[seed as usize % 2];
    let mut random = Random(seed);
    let batches = batches(&mut random, count);
    let context = oracle::context("t", &batches);
    let expected = oracle::query(&context, &sessions_sql(gap, keys, aggregates)).await;
    assert!(!expected.is_empty());
    let window = Window::Session { gap: Duration::from_nanos(gap) };
    let planned = Planned::new(&context, window, keys, aggregates).await;
    let (partial, last) = (|| planned.operator(Phase::Partial), || planned.operator(Phase::Final));
    let single = || planned.operator(Phase::Single);
    let checkpoint = 1 + random.below(count as u64 - 1) as usize;
    let mut instances = || (1 + random.below(3) as usize, 1 + random.below(3) as usize);
    let (before, after) = (instances(), instances());
    let checkpoint_every = 1 + random.below(3) as usize;
    let schedule = Schedule { before, after, checkpoint, lost: random.below(6) as usize, checkpoint_every };
    let job = Job { first: Some(&partial), second: &last, hash_columns: (0..planned.keys).collect() };
    let found = oracle::texts(&visible(&job.run(&batches, &schedule)));
    oracle::assert_same(&found, &expected, &format!("two {seed} {gap} [{keys}]"));
    let alone = Schedule { before: (before.0, 1), after: (after.0, 1), ..schedule };
    let job = Job { first: None, second: &single, hash_columns: Vec::new() };
    let found = oracle::texts(&visible(&job.run(&batches, &alone)));
    oracle::assert_same(&found, &expected, &format!("single {seed} {gap} [{keys}]"));
}

#[tokio::test]
async fn sessions_equal_batch_sql() {
    for (index, keys) in ["k", "k, d", "", "d", "v % 3"].into_iter().enumerate() {
        for gap in [1, 5, 12, 40, 400] {
            check(index as u64 * 1000 + gap, gap, keys, 30).await;
        }
    }
}

#[tokio::test]
async fn many_batches_of_few_sessions_equal_batch_sql() {
    for seed in 0..3 {
        check(7_000 + seed, 30, "k", 400).await;
    }
}
