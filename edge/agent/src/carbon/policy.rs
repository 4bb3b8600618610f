//! The decision: how many steps down, given the intensity. One step at a time, with hysteresis and a least dwell, so that
//! a signal that hovers at a threshold does not make the pictures flicker.

/// The thresholds and how calmly they are followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Ascending intensities, g/kWh: step `n` begins at `thresholds[n - 1]`.
    pub thresholds: Vec<f64>,
    /// How far below its threshold the intensity must fall before a step is taken back, g/kWh.
    pub hysteresis: f64,
    /// The least time between two steps, milliseconds.
    pub dwell_ms: u64,
}

/// Where the policy stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Steps down from full effort.
    pub number: usize,
    /// When it was taken, milliseconds; nothing before the first.
    pub since_ms: Option<i64>,
}

impl Policy {
    /// The step that follows. Without an intensity nothing changes.
    pub fn next(&self, step: Step, intensity: Option<f64>, now_ms: i64) -> Step {
        let Some(intensity) = intensity else { return step };
        let dwells = |since: i64| now_ms.saturating_sub(since) < i64::try_from(self.dwell_ms).unwrap_or(i64::MAX);
        if step.since_ms.is_some_and(dwells) {
            return step;
        }
        let down = self.thresholds.get(step.number).is_some_and(|&threshold| intensity >= threshold);
        let up = step.number.checked_sub(1).and_then(|below| self.thresholds.get(below));
        let up = up.is_some_and(|&threshold| intensity < threshold - self.hysteresis);
        match (down, up) {
            (true, _) => Step { number: step.number + 1, since_ms: Some(now_ms) },
            (false, true) => Step { number: step.number - 1, since_ms: Some(now_ms) },
            (false, false) => step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a script of `seconds:intensity` and prints the step after each.
    fn steps(script: &str) -> String {
        let policy = Policy { thresholds: vec![200.0, 300.0, 400.0], hysteresis: 20.0, dwell_ms: 10_000 };
        let mut step = Step::default();
        let mut printed = Vec::new();
        for event in script.split_whitespace() {
            let (seconds, intensity) = event.split_once(':').unwrap();
            let now_ms = seconds.parse::<i64>().unwrap() * 1000;
            step = policy.next(step, intensity.parse().ok(), now_ms);
            printed.push(step.number.to_string());
        }
        printed.join(" ")
    }

    #[test]
    fn it_goes_down_and_up_one_step_a_dwell() {
        assert_eq!(steps("0:500 5:500 10:500 20:500 30:500 99:500"), "1 1 2 3 3 3");
        assert_eq!(steps("0:500 10:500 20:500 30:0 35:0 40:0 50:0 60:0"), "1 2 3 2 2 1 0 0");
    }

    #[test]
    fn a_signal_that_hovers_changes_nothing() {
        assert_eq!(steps("0:199 20:200 40:199 60:181 80:180 100:179 120:199 140:200"), "0 1 1 1 1 0 0 1");
    }

    #[test]
    fn without_a_signal_it_stays_where_it_is() {
        assert_eq!(steps("0:250 20:none 40:none 60:100"), "1 1 1 0");
    }

    #[test]
    fn without_thresholds_it_never_steps() {
        let policy = Policy { thresholds: vec![], hysteresis: 0.0, dwell_ms: 0 };
        assert_eq!(policy.next(Step::default(), Some(1e9), 0), Step::default());
    }
}
