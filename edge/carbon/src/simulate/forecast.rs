//! What a controller is told of the next day.

/// Hours that are told ahead.
const AHEAD: usize = 24;

/// A kind of forecast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forecasts {
    /// Nothing is told.
    Absent,
    /// Yesterday's shape at today's level: what anybody can do without a service.
    Yesterday,
    /// The truth times a random walk of this standard deviation an hour, drawn from a seed.
    Noisy {
        /// Standard deviation of an hour's step, as a part of the value.
        step: f64,
        /// Where the chance begins.
        seed: u64,
    },
    /// The truth.
    Perfect,
}

impl Forecasts {
    /// The intensities of the hours after this one.
    pub(super) fn told(&self, trace: &[f64], hour: usize) -> Vec<f64> {
        let truth = trace.iter().skip(hour + 1).take(AHEAD);
        match *self {
            Self::Absent => Vec::new(),
            Self::Perfect => truth.copied().collect(),
            Self::Yesterday => yesterday(trace, hour),
            Self::Noisy { step, seed } => {
                let mut chance = Chance(seed ^ (hour as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let mut error = 0.0;
                let wrong = truth.map(|grams| {
                    error += step * chance.normal();
                    grams * f64::exp(error)
                });
                wrong.collect()
            }
        }
    }
}

fn yesterday(trace: &[f64], hour: usize) -> Vec<f64> {
    let Some(begin) = hour.checked_sub(AHEAD) else { return Vec::new() };
    let level = if trace[begin] > 0.0 { trace[hour] / trace[begin] } else { 1.0 };
    trace[begin + 1..=hour].iter().map(|grams| grams * level).collect()
}

/// Chance that is the same everywhere: splitmix64 (Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Mean 0, variance 1: the sum of twelve uniform numbers less six.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| (self.next() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }
}
