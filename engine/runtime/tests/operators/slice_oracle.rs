//! Tumbling, hopping and cumulating windows against batch SQL with the windows written out.

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

/// Tumbling, hopping and cumulating windows; hops of few and of many slices, whole and cut by the slide.
pub(crate) fn slicings() -> [Slicing; 16] {
    [
        Slicing::tumble(20, 0),
        Slicing::hop(10, 60, 0),
        Slicing::hop(10, 15, 0),
        Slicing::hop(8, 12, -3),
        Slicing::cumulate(10, 60, 0),
        Slicing::tumble(20, 7),
        Slicing::hop(30, 10, 0),
        Slicing::hop(1, 16, 0),
        Slicing::cumulate(3, 30, -7),
        Slicing::tumble(1, 0),
        Slicing::hop(250_000_000, 1_000_000_000, 0),
        Slicing::hop(2, 33, 1),
        Slicing::hop(5, 80, 2),
        Slicing::hop(7, 100, -4),
        Slicing::cumulate(20, 20, 3),
        Slicing::cumulate(250_000_000, 1_000_000_000, 11),
    ]
}

/// `t` expanded to a row for each window that it is in, whose ends are found one by one; where `condition` holds.
pub(crate) fn windows_sql(slicing: &Slicing, keys: &str, aggregates: &str, condition: &str) -> String {
    let Slicing { width, slide, offset, .. } = slicing;
    let keys = if keys.is_empty() { String::new() } else { format!("{keys}, ") };
    let windows = match slicing.step {
        None => {
            let steps: Vec<String> = (0..=width / slide + 1).map(|step| format!("({step})")).collect();
            let remainder = format!("((((t - {offset}) % {slide}) + {slide}) % {slide})");
            format!(
                "SELECT *, t - {remainder} - step * {slide} AS _start, t - {remainder} - step * {slide} + {width} AS _end \
                 FROM t CROSS JOIN (VALUES {}) AS steps(step)",
                steps.join(", "),
            )
        }
        Some(step) => {
            let steps: Vec<String> = (1..=width / step).map(|count| format!("({})", count * step)).collect();
            let remainder = format!("((((t - {offset}) % {width}) + {width}) % {width})");
            format!(
                "SELECT *, t - {remainder} AS _start, t - {remainder} + grown AS _end \
                 FROM t CROSS JOIN (VALUES {}) AS steps(grown)",
                steps.join(", "),
            )
        }
    };
    format!(
        "SELECT {keys}_start, _end, {aggregates} FROM ({windows}) WHERE _end > t AND {condition} GROUP BY {keys}_start, _end"
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
    let expected = oracle::query(&context, &windows_sql(&slicing, keys, aggregates, "true")).await;
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
    for (index, slicing) in (0..).zip(slicings()) {
        for (seed, keys) in (0..).zip(["k", "k, d", "", "d", "v % 3"]) {
            check(index * 100 + seed * 2 + index % 2, slicing, keys).await;
        }
    }
}

#[tokio::test]
async fn many_seeds_equal_batch_sql() {
    for seed in 1000..1030 {
        check(seed, slicings()[(seed % 9) as usize], "k").await;
    }
}
