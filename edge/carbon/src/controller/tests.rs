//! The promises of the controller under whatever comes: made-up grids, alerts, irregular calls and settings.

use proptest::prelude::*;

use super::*;
use crate::signal::made_up::outlook;

const MINUTE_MS: i64 = 60_000;

fn way(fps: f64, accuracy: f64, watts: f64) -> Configuration {
    Configuration { model: "m".to_owned(), tier: 416, fps, gate: false, accuracy, watts }
}

fn ways() -> Vec<Configuration> {
    vec![way(10.0, 1.0, 2.0), way(5.0, 0.97, 1.0), way(4.0, 0.969, 1.2), way(2.0, 0.93, 0.4), way(0.5, 0.7, 0.1)]
}

fn controller(settings: ControlSettings) -> Controller {
    Controller::new(settings, ways()).unwrap()
}

/// A call of `decide`: minutes since the last, intensity, what is forecast, whether there is an alert.
#[derive(Clone, Debug)]
struct Call {
    minutes: i64,
    intensity: f64,
    forecast: Vec<f64>,
    alert: bool,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let intensity = || prop_oneof![4 => 0.0..900.0, 1 => Just(300.0), 1 => Just(0.0)];
    let call = (1_i64..=10, intensity(), prop::collection::vec(intensity(), 0..6), prop::bool::weighted(0.15));
    let call = call.prop_map(|(minutes, intensity, forecast, alert)| Call { minutes, intensity, forecast, alert });
    prop::collection::vec(call, 1..400)
}

fn settings() -> impl Strategy<Value = ControlSettings> {
    (0.0..0.06, 2_u32..6, prop_oneof![Just(1.0), 1.0..500.0], 0.0..0.1, 0.0..24.0).prop_map(
        |(accuracy_loss_max, switches_per_hour_max, horizon_hours, hysteresis, reserve_hours)| ControlSettings {
            accuracy_loss_max,
            switches_per_hour_max,
            horizon_hours,
            hysteresis,
            reserve_hours,
            ..ControlSettings::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_constraint_is_ever_broken(settings in settings(), calls in calls()) {
        let mut controller = controller(settings.clone());
        let promised = controller.promised_accuracy();
        let mut now_ms = 0;
        let mut changes: Vec<i64> = Vec::new();
        let mut paid = 0.0;
        let mut accuracy = None;
        for call in &calls {
            let elapsed_ms = call.minutes * MINUTE_MS;
            now_ms += elapsed_ms;
            paid += accuracy.map_or(0.0, |accuracy: f64| (accuracy - promised) * crate::time::hours(elapsed_ms));
            let decision = controller.decide(now_ms, &outlook(now_ms, call.intensity, &call.forecast), call.alert);
            let way = decision.configuration;
            prop_assert!(way.fps >= settings.fps_min && way.accuracy >= settings.accuracy_min);
            prop_assert!(!call.alert || decision.index == 0, "an alert is looked at in the best way");
            if decision.changed {
                changes.push(now_ms);
            }
            accuracy = Some(way.accuracy);
            let in_an_hour = changes.iter().filter(|at_ms| now_ms - **at_ms < HOUR_MS).count();
            prop_assert!(in_an_hour <= settings.switches_per_hour_max as usize, "{in_an_hour} changes in an hour");
            prop_assert!(paid >= -1e-9, "the mean accuracy fell under the promise by {paid} hours");
        }
    }

    #[test]
    fn the_same_calls_have_the_same_answers(settings in settings(), calls in calls()) {
        let answers = || {
            let mut controller = controller(settings.clone());
            let mut now_ms = 0;
            let answer = |call: &Call| {
                now_ms += call.minutes * MINUTE_MS;
                let decision = controller.decide(now_ms, &outlook(now_ms, call.intensity, &call.forecast), call.alert);
                (decision.index, decision.reason)
            };
            calls.iter().map(answer).collect::<Vec<_>>()
        };
        prop_assert_eq!(answers(), answers());
    }

    #[test]
    fn the_frontier_has_the_best_way_for_every_intensity(
        points in prop::collection::vec((0.0..1.0, 0.0..9.0), 1..12), price in 0.0..5000.0, intensity in 0.0..900.0,
    ) {
        let ways: Vec<Configuration> = points.iter().map(|&(accuracy, watts)| way(1.0, accuracy, watts)).collect();
        let frontier = Frontier::new(&ways, &vec![true; ways.len()]);
        let cost = |accuracy: f64, watts: f64| watts * intensity - price * accuracy;
        let chosen = frontier.at(frontier.choose(price, intensity));
        let least = points.iter().map(|&(accuracy, watts)| cost(accuracy, watts)).fold(f64::INFINITY, f64::min);
        prop_assert!(cost(chosen.accuracy, chosen.watts) <= least + 1e-6 * (1.0 + least.abs()));
    }

    #[test]
    fn a_price_is_the_least_that_reaches_the_target(
        sample in prop::collection::vec(1.0..900.0, 1..60), target in 0.7..1.0,
    ) {
        let ways = ways();
        let frontier = Frontier::new(&ways, &vec![true; ways.len()]);
        let price = frontier.price(&sample, target);
        prop_assert!(frontier.mean_accuracy(&sample, price) >= target);
        prop_assert!(price == 0.0 || frontier.mean_accuracy(&sample, price * (1.0 - 1e-5)) < target);
    }
}

#[test]
fn a_dirty_hour_is_looked_at_less_than_a_clean_one() {
    let mut controller = controller(ControlSettings { accuracy_loss_max: 0.03, ..ControlSettings::default() });
    let mut watts = [0.0, 0.0];
    for hour in 0..24 * 60 {
        let dirty = usize::from(hour % 24 >= 12);
        let intensity = [100.0, 500.0][dirty];
        let decision = controller.decide(hour * HOUR_MS, &outlook(hour * HOUR_MS, intensity, &[]), false);
        watts[dirty] += decision.configuration.watts;
    }
    assert!(watts[1] < 0.7 * watts[0], "{watts:?}");
}

#[test]
fn with_a_constant_intensity_the_promise_is_kept_all_the_same() {
    let mut controller = controller(ControlSettings::default());
    let mut accuracy = 0.0;
    let hours = 24 * 90;
    for hour in 0..hours {
        let decision = controller.decide(hour * HOUR_MS, &outlook(hour * HOUR_MS, 300.0, &[]), false);
        accuracy += decision.configuration.accuracy;
    }
    let mean = accuracy / hours as f64;
    assert!((0.98..0.985).contains(&mean), "{mean}");
}

#[test]
fn constraints_that_leave_nothing_are_refused() {
    let settings = ControlSettings { fps_min: 25.0, ..ControlSettings::default() };
    assert_eq!(Controller::new(settings, ways()).unwrap_err(), ControlError::NothingAllowed { of: 5 });
    let settings = ControlSettings { switches_per_hour_max: 1, ..ControlSettings::default() };
    assert!(matches!(
        Controller::new(settings, ways()),
        Err(ControlError::Setting { setting: "switches_per_hour_max", .. })
    ));
}
