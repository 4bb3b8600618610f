//! Scripts of answers and times, and what the follower makes of them.

use super::*;
use crate::time::HOUR_MS;

const MINUTE_MS: i64 = 60_000;

fn follower() -> Follower {
    let options = FollowerOptions {
        interval_ms: 15 * MINUTE_MS,
        stale_after_ms: 3 * HOUR_MS,
        backoff_min_ms: MINUTE_MS,
        backoff_max_ms: 60 * MINUTE_MS,
    };
    Follower::new(options, "the grid", Annual::of_zone("DE"))
}

fn points(values: &[(i64, f64)]) -> Vec<Intensity> {
    let point = |&(at_ms, g_per_kwh): &(i64, f64)| Intensity { at_ms, g_per_kwh, origin: Origin::Measured };
    values.iter().map(point).collect()
}

fn down() -> SignalError {
    SignalError::Unreachable { provider: "the grid".to_owned(), detail: "refused".to_owned() }
}

fn limited(retry_after_ms: Option<i64>) -> SignalError {
    SignalError::RateLimited { provider: "the grid".to_owned(), retry_after_ms }
}

#[test]
fn at_first_the_annual_factor_stands_in_and_says_so() {
    let mut follower = follower();
    assert!(follower.due_ms < 0, "it is asked at once");
    let (outlook, notice) = follower.outlook(0);
    assert_eq!(outlook.current.origin, Origin::Annual);
    assert!(outlook.source.contains("the mean of DE in"), "{}", outlook.source);
    assert!(matches!(notice, Some(Notice::FellBack { .. })));
    assert_eq!(follower.outlook(1), (outlook, None), "it is said once, and nothing is new");
}

#[test]
fn the_last_good_value_holds_until_it_is_stale() {
    let mut follower = follower();
    assert_eq!(follower.answered(0, Ok(points(&[(0, 200.0), (HOUR_MS, 300.0)]))), None);
    assert_eq!(follower.due_ms, 15 * MINUTE_MS);
    let mut at = |now_ms| follower.outlook(now_ms).0.current;
    assert_eq!((at(0).g_per_kwh, at(HOUR_MS - 1).g_per_kwh), (200.0, 200.0));
    assert_eq!(at(4 * HOUR_MS).g_per_kwh, 300.0);
    assert_eq!(at(4 * HOUR_MS + 1).origin, Origin::Annual);
}

#[test]
fn what_changed_is_told_once_each_way() {
    let mut follower = follower();
    let mut told = Vec::new();
    follower.answered(0, Ok(points(&[(0, 200.0)])));
    told.extend(follower.outlook(0).1);
    follower.answered(HOUR_MS, Err(down()));
    told.extend(follower.outlook(HOUR_MS).1);
    told.extend(follower.outlook(4 * HOUR_MS).1);
    told.extend(follower.outlook(5 * HOUR_MS).1);
    follower.answered(6 * HOUR_MS, Ok(points(&[(6 * HOUR_MS, 100.0)])));
    told.extend(follower.outlook(6 * HOUR_MS).1);
    let kinds: Vec<&str> = told
        .iter()
        .map(|notice| match notice {
            Notice::Fresh { .. } => "fresh",
            Notice::FellBack { .. } => "fell back",
            Notice::Failed { .. } => "failed",
        })
        .collect();
    assert_eq!(kinds, ["fresh", "fell back", "fresh"]);
}

#[test]
fn failures_are_followed_by_longer_and_longer_waits() {
    let mut follower = follower();
    let mut now_ms = 0;
    let mut waits = Vec::new();
    for _ in 0..8 {
        follower.answered(now_ms, Err(down()));
        waits.push((follower.due_ms - now_ms) / MINUTE_MS);
        now_ms = follower.due_ms;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    follower.answered(now_ms, Ok(points(&[(now_ms, 1.0)])));
    follower.answered(now_ms, Err(down()));
    assert_eq!(follower.due_ms - now_ms, MINUTE_MS, "an answer forgives");
}

#[test]
fn a_provider_that_names_a_wait_gets_it() {
    let mut follower = follower();
    follower.answered(0, Err(limited(Some(10 * MINUTE_MS))));
    assert_eq!(follower.due_ms, 10 * MINUTE_MS);
    follower.answered(0, Err(limited(Some(i64::MAX))));
    assert_eq!(follower.due_ms, 24 * HOUR_MS, "but not for ever");
    follower.answered(0, Err(limited(None)));
    assert_eq!(follower.due_ms, 4 * MINUTE_MS);
}

#[test]
fn what_only_a_person_can_mend_is_not_asked_often() {
    let mut follower = follower();
    let refused = SignalError::Refused { provider: "the grid".to_owned(), status: 401, detail: "expired".to_owned() };
    let notice = follower.answered(0, Err(refused));
    assert_eq!(follower.due_ms, 60 * MINUTE_MS);
    assert!(
        matches!(notice, Some(Notice::Failed { needs_a_person: true, again_ms, .. }) if again_ms == 60 * MINUTE_MS)
    );
}

#[test]
fn a_new_answer_replaces_forecasts_and_keeps_the_past() {
    let mut follower = follower();
    follower.answered(0, Ok(points(&[(0, 1.0), (HOUR_MS, 2.0), (9 * HOUR_MS, 9.0)])));
    follower.answered(2 * HOUR_MS, Ok(points(&[(2 * HOUR_MS, 3.0), (3 * HOUR_MS, 4.0)])));
    let outlook = follower.outlook(2 * HOUR_MS).0;
    let values = |points: &[Intensity]| points.iter().map(|point| point.g_per_kwh).collect::<Vec<_>>();
    assert_eq!(values(&outlook.past), [1.0, 2.0, 3.0]);
    assert_eq!(values(&outlook.forecast), [4.0]);
}

#[test]
fn a_clock_set_back_does_not_make_the_provider_wait() {
    let mut follower = follower();
    assert!(follower.is_due(0));
    follower.answered(24 * HOUR_MS, Ok(points(&[(24 * HOUR_MS, 200.0)])));
    assert!(!follower.is_due(24 * HOUR_MS) && follower.is_due(24 * HOUR_MS + 15 * MINUTE_MS));
    assert!(follower.is_due(23 * HOUR_MS));
    follower.answered(23 * HOUR_MS, Err(down()));
    assert!(!follower.is_due(23 * HOUR_MS), "but it is not asked without end");
}
