//! When uploads wait, and when not.

use super::*;
use crate::signal::made_up::outlook;

fn waits(deferral: &mut Deferral, hour: i64, grams: f64, forecast: &[f64], alert: bool) -> bool {
    deferral.waits(hour * HOUR_MS, &outlook(hour * HOUR_MS, grams, forecast), alert)
}

#[test]
fn uploads_wait_for_a_cleaner_hour_but_not_longer_than_they_may_and_not_in_an_alert() {
    let mut cleaner_soon = Deferral::new(3.0);
    assert!(waits(&mut cleaner_soon, 0, 400.0, &[390.0, 200.0], false));
    assert!(waits(&mut cleaner_soon, 1, 390.0, &[200.0], false));
    assert!(!waits(&mut cleaner_soon, 2, 200.0, &[400.0], false));
    let mut never_cleaner_in_time = Deferral::new(3.0);
    assert!(!waits(&mut never_cleaner_in_time, 0, 400.0, &[400.0, 400.0, 400.0, 100.0], false));
    let mut always_promised = Deferral::new(3.0);
    let waited: Vec<bool> =
        (0..6).map(|hour| waits(&mut always_promised, hour, 400.0, &[200.0, 200.0], false)).collect();
    assert_eq!(waited, [true, true, true, false, true, true]);
    assert!(!waits(&mut Deferral::new(3.0), 0, 400.0, &[200.0], true));
}

#[test]
fn without_a_forecast_they_wait_for_what_was_clean_in_the_hours_gone_by() {
    let mut deferral = Deferral::new(6.0);
    for hour in 0..24 {
        waits(&mut deferral, hour, if hour % 2 == 0 { 100.0 } else { 500.0 }, &[], false);
    }
    assert!(waits(&mut deferral, 25, 500.0, &[], false));
    assert!(!waits(&mut deferral, 26, 100.0, &[], false));
}

#[test]
fn who_may_not_wait_does_not() {
    assert!(!waits(&mut Deferral::new(0.0), 0, 400.0, &[10.0], false));
}
