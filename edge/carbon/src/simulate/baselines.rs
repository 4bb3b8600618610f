//! What the controller is held against.

use super::Outcome;
use crate::controller::Frontier;

/// Always the same corner of the frontier, by its place among them.
pub fn always(frontier: &Frontier, place: usize, trace: &[f64]) -> Outcome {
    let Some(corner) = frontier.corners().get(place) else { return Outcome::default() };
    steady(corner.watts, corner.accuracy, trace)
}

/// The cheapest single corner that is as accurate as that.
pub fn best_single(frontier: &Frontier, accuracy: f64, trace: &[f64]) -> Outcome {
    always(frontier, frontier.keeping(accuracy), trace)
}

/// A mix that knows nothing of carbon, of the same energy and the same accuracy: what it looks at when has nothing to
/// do with the grid, so its grams are its energy times the mean intensity.
pub fn carbon_blind(of: &Outcome, trace: &[f64]) -> Outcome {
    steady(of.watts, of.accuracy, trace)
}

/// The mix of least energy with this accuracy, which knows nothing of carbon either: a harder rival than
/// [`carbon_blind`], whose energy is the controller's.
pub fn least_mix(frontier: &Frontier, accuracy: f64, trace: &[f64]) -> Outcome {
    steady(frontier.watts_at(accuracy).unwrap_or(0.0), accuracy, trace)
}

/// The least grams with this mean accuracy for somebody who knows all hours and may mix within one: the linear
/// programme, whose solution is a price, with the hours at its edge shared so that the accuracy is met exactly.
pub fn oracle(frontier: &Frontier, accuracy: f64, trace: &[f64]) -> Outcome {
    let price = frontier.price(trace, accuracy);
    let above = at_price(frontier, price, trace);
    let below = at_price(frontier, price * (1.0 - 4e-6), trace);
    let span = above.accuracy - below.accuracy;
    let share = if span > 0.0 { ((accuracy - below.accuracy) / span).clamp(0.0, 1.0) } else { 1.0 };
    let mix = |below: f64, above: f64| below + share * (above - below);
    Outcome {
        grams_per_hour: mix(below.grams_per_hour, above.grams_per_hour),
        watts: mix(below.watts, above.watts),
        accuracy: mix(below.accuracy, above.accuracy),
        switches_per_day: above.switches_per_day,
    }
}

fn at_price(frontier: &Frontier, price: f64, trace: &[f64]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut before = None;
    let mut changes = 0;
    for &intensity in trace {
        let place = frontier.choose(price, intensity);
        let corner = frontier.corners()[place];
        outcome.grams_per_hour += corner.watts / 1000.0 * intensity;
        outcome.watts += corner.watts;
        outcome.accuracy += corner.accuracy;
        changes += usize::from(before.is_some_and(|before| before != place));
        before = Some(place);
    }
    let hours = trace.len().max(1) as f64;
    Outcome {
        grams_per_hour: outcome.grams_per_hour / hours,
        watts: outcome.watts / hours,
        accuracy: outcome.accuracy / hours,
        switches_per_day: changes as f64 / hours * 24.0,
    }
}

fn steady(watts: f64, accuracy: f64, trace: &[f64]) -> Outcome {
    let mean = trace.iter().sum::<f64>() / trace.len().max(1) as f64;
    Outcome { grams_per_hour: watts / 1000.0 * mean, watts, accuracy, switches_per_day: 0.0 }
}
