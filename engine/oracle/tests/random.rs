//! Some hundreds of made-up queries, held to the law; `headwater test --random` makes as many as one likes.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use headwater_oracle::random::{Feature, RandomCase, RandomSettings, check_random};

#[test]
fn made_up_queries_agree_with_batch() {
    let features = Feature::ALL.to_vec();
    let settings = RandomSettings { count: 400, seed: 20_000, threads: 2, features };
    let tally = check_random(&settings, &|_| {});
    if let Some(found) = tally.failures.first() {
        let tables: Vec<String> =
            found.case.json().unwrap().into_iter().map(|(table, rows)| format!("{table}:\n{rows}")).collect();
        panic!(
            "{} of {} cases differ; the first, {}: {:?}\n{}\n{}",
            tally.failures.len(),
            tally.cases(),
            found.case.seed,
            found.failure,
            found.case.sql,
            tables.concat()
        );
    }
    assert_eq!(tally.cases(), settings.count);
    // Cases that are refused, or that have no rows, say little: most of them have to say something.
    assert!(tally.agreed * 10 >= settings.count * 8, "too few can be run: {:?} {:?}", tally.refused, tally.unanswered);
    assert!(tally.with_rows * 2 >= settings.count, "too few have rows: {}", tally.with_rows);
}

#[test]
fn a_seed_is_a_case() {
    let (a, b) = (RandomCase::new(7, Feature::ALL).unwrap(), RandomCase::new(7, Feature::ALL).unwrap());
    assert_eq!((a.sql, a.rows), (b.sql, b.rows));
}
