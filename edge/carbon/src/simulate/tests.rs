//! The simulation against sums by hand, and the rivals against each other.

use proptest::prelude::*;

use super::*;
use crate::configuration::Configuration;
use crate::controller::{ControlSettings, Frontier};

fn ways() -> Vec<Configuration> {
    let way =
        |fps, accuracy, watts| Configuration { model: "m".to_owned(), tier: 416, fps, gate: false, accuracy, watts };
    vec![way(10.0, 1.0, 2.0), way(5.0, 0.97, 1.0), way(2.0, 0.93, 0.4)]
}

fn frontier() -> Frontier {
    Frontier::new(&ways(), &[true; 3])
}

/// A day that is dirty in its second half, with a slow wave over it.
fn trace(days: usize) -> Vec<f64> {
    let hour = |hour: usize| 300.0 + 100.0 * f64::from(u8::from(hour % 24 >= 12)) + 40.0 * (hour as f64 / 90.0).sin();
    (0..days * 24).map(hour).collect()
}

#[test]
fn always_the_best_is_its_watts_times_the_intensities() {
    let outcome = always(&frontier(), 2, &[100.0, 300.0]);
    assert!((outcome.grams_per_hour - 0.4).abs() < 1e-12);
    assert_eq!((outcome.watts, outcome.accuracy), (2.0, 1.0));
}

#[test]
fn the_controller_beats_a_mix_of_its_energy_and_accuracy() {
    let trace = trace(120);
    let controller = Controller::new(ControlSettings::default(), ways()).unwrap();
    let scenario = Scenario { forecasts: Forecasts::Yesterday, upload_watts: 0.0, defer_upload_hours_max: 0.0 };
    let ours = run(controller, &trace, &scenario);
    let blind = carbon_blind(&ours, &trace);
    assert!(ours.grams_per_hour < 0.96 * blind.grams_per_hour, "{ours:?} {blind:?}");
    assert!(ours.accuracy >= 0.98);
}

#[test]
fn uploads_that_wait_are_all_sent() {
    let trace = trace(30);
    let scenario = |upload_watts| Scenario { forecasts: Forecasts::Perfect, upload_watts, defer_upload_hours_max: 6.0 };
    let settings = ControlSettings::default();
    let outcome =
        |upload_watts| run(Controller::new(settings.clone(), ways()).unwrap(), &trace, &scenario(upload_watts));
    let (without, with) = (outcome(0.0), outcome(0.5));
    let mean = trace.iter().sum::<f64>() / trace.len() as f64;
    assert!((with.watts - without.watts - 0.5).abs() < 0.5 * 6.0 / trace.len() as f64, "but for what waits at the end");
    assert!(with.grams_per_hour - without.grams_per_hour < 0.5 / 1000.0 * mean, "and in cleaner hours than the mean");
}

proptest! {
    #[test]
    fn nobody_beats_the_one_who_knows_the_future(trace in prop::collection::vec(1.0..900.0, 48..400)) {
        let controller = Controller::new(ControlSettings::default(), ways()).unwrap();
        let promised = controller.promised_accuracy();
        let ours = run(controller, &trace, &Scenario { forecasts: Forecasts::Perfect, upload_watts: 0.0, defer_upload_hours_max: 0.0 });
        let oracle = oracle(&frontier(), promised, &trace);
        let least = least_mix(&frontier(), promised, &trace);
        prop_assert!((oracle.accuracy - promised).abs() < 1e-9);
        prop_assert!(oracle.grams_per_hour <= ours.grams_per_hour * (1.0 + 1e-5));
        prop_assert!(oracle.grams_per_hour <= least.grams_per_hour * (1.0 + 1e-5));
    }
}
