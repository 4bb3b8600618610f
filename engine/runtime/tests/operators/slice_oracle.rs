//! Tumbling and hopping windows against batch SQL with the windows written out.

use headwater_plan::{Phase, Slicing, Window};

use crate::drive::{Job, Schedule};
use crate::plan::Planned;
use crate::rows::{Random, batches};
use crate::{oracle, rows};

/// Two lists, as batch DataFusion refuses a query whose aggregates want their input in two orders.
pub(crate) const AGGREGATES: [&str; 2] = [
    "count(*), count(v), sum(v), avg(f), min(v), max(s), min(d), stddev(f), var_pop(v), count(distinct s), \
     count(distinct v), sum(distinct v), median(v), array_agg(v ORDER BY f DESC, id), first_value(s ORDER BY t, id), \
     last_value(f ORDER BY t DESC, id), nth_value(id, 2 ORDER BY v, id), sum(v) FILTER (WHERE f > 0), \
     count(*) FILTER (WHERE s = 'a'), min(f) FILTER (WHERE v IS NULL), approx_distinct(id)",
    "string_agg(s, '+' ORDER BY id DESC), bool_or(v > 3), corr(v, f), array_agg(distinct s ORDER BY s), \
     first_value(k ORDER BY v, id), array_agg(id ORDER BY id DESC) FILTER (WHERE v > 0), max(v), count(*), \
     last_value(v ORDER BY f, id) FILTER (WHERE s IS NOT NULL), bit_xor(v)",
];

const SLICINGS: [Slicing; 8] = [
    Slicing { width: 20, slide: 20, offset: 0 },
    Slicing { width: 20, slide: 20, offset: 7 },
    Slicing { width: 60, slide: 10, offset: 0 },
    Slicing { width: 15, slide: 10, offset: 0 },
    Slicing { width: 12, slide: 8, offset: -3 },
    Slicing { width: 10, slide: 30, offset: 0 },
    Slicing { width: 1, slide: 1, offset: 0 },
    Slicing { width: 1_000_000_000, slide: 250_000_000, offset: 0 },
];

/// `t` expanded to a row for each window that it is in.
fn windows_sql(slicing: &Slicing, keys: &str, aggregates: &str) -> String {
    let Slicing { width, slide, offset } = slicing;
    let last = width / slide + 1;
    let steps: Vec<String> = (0..=last).map(|step| format!("({step})")).collect();
    let remainder = format!("((((t - {offset}) % {slide}) + {slide}) % {slide})");
    let keys = if keys.is_empty() { String::new() } else { format!("{keys}, ") };
    format!(
        "SELECT {keys}_start, _start + {width}, {aggregates} FROM (\
            SELECT *, t - {remainder} - step * {slide} AS _start FROM t CROSS JOIN (VALUES {}) AS steps(step)\
         ) WHERE _start + {width} > t GROUP BY {keys}_start",
        steps.join(", "),
    )
}

fn schedules(random: &mut Random, batches: usize) -> Schedule {
    let checkpoint = 1 + random.below(batches as u64 - 1) as usize;
    let mut instances = || (1 + random.below(3) as usize, 1 + random.below(3) as usize);
    let (before, after) = (instances(), instances());
    let lost = random.below(6) as usize;
    Schedule { before, after, checkpoint, lost, checkpoint_every: 1 + random.below(4) as usize }
}

/// Strips the hidden columns of what operators emitted.
pub(crate) fn visible(output: &[arrow::record_batch::RecordBatch]) -> Vec<arrow::record_batch::RecordBatch> {
    output.iter().map(|batch| batch.project(&(0..batch.num_columns() - 1).collect::<Vec<_>>()).unwrap()).collect()
}

async fn check(seed: u64, slicing: Slicing, keys: &str) {
    let aggregates = AGGREGATES[seed as usize % 2];
    let mut random = Random(seed);
    let batches = batches(&mut random, 30);
    let context = oracle::context("t", &batches);
    let expected = oracle::query(&context, &windows_sql(&slicing, keys, aggregates)).await;
    assert!(!expected.is_empty());
    let planned = Planned::new(&context, Window::Sliced(slicing), keys, aggregates).await;
    let schedule = schedules(&mut random, batches.len());
    let single = || planned.operator(Phase::Single);
    let input = rows::schema();
    let by_source: Vec<usize> = match keys {
        "" | "v % 3" => Vec::new(),
        _ => keys.split(", ").map(|key| input.full().index_of(key).unwrap()).collect(),
    };
    // Rows reach a single phase only by their key: alone, or where the key is a column, by its hash.
    let job = Job { first: None, second: &single, hash_columns: by_source.clone() };
    let alone = Schedule { before: (schedule.before.0, 1), after: (schedule.after.0, 1), ..schedule };
    let by_key = if by_source.is_empty() { &alone } else { &schedule };
    let found = oracle::texts(&visible(&job.run(&batches, by_key)));
    oracle::assert_same(&found, &expected, &format!("single {seed} {slicing:?} [{keys}]"));
    let (partial, last) = (|| planned.operator(Phase::Partial), || planned.operator(Phase::Final));
    let job = Job { first: Some(&partial), second: &last, hash_columns: (0..planned.keys).collect() };
    let found = oracle::texts(&visible(&job.run(&batches, &schedule)));
    oracle::assert_same(&found, &expected, &format!("two {seed} {slicing:?} [{keys}]"));
}

#[tokio::test]
async fn every_slicing_equals_batch_sql() {
    for (index, slicing) in SLICINGS.into_iter().enumerate() {
        for (seed, keys) in (0..).zip(["k", "k, d", "", "d", "v % 3"]) {
            check(index as u64 * 100 + seed * 2, slicing, keys).await;
            check(index as u64 * 100 + seed * 2 + 1, slicing, keys).await;
        }
    }
}

#[tokio::test]
async fn many_seeds_equal_batch_sql() {
    for seed in 1000..1030 {
        check(seed, SLICINGS[(seed % 5) as usize], "k").await;
    }
}
