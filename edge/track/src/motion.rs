//! Where a thing is, how fast it moves, and how well that is known: a Kalman filter of constant velocity, as in SORT
//! (Bewley et al. 2016, arXiv:1602.00763) and ByteTrack (Zhang et al. 2022, arXiv:2110.06864).
//!
//! It differs from theirs in time: noise is that of an acceleration that is white in continuous time, so that the
//! forecast over one second is the same in one step or in thirty, and a forecast over any gap is one step. The centre
//! moves; width and height drift. As no noise couples the four, the filter of eight dimensions falls apart exactly into
//! these, and no matrix is inverted. All noise is in proportion to the larger side of the box: a thing that is near, and
//! so large, moves and trembles by more pixels.

use crate::rectangle::Rectangle;

/// How a box trembles around the thing: standard deviation, in sides.
const SIGHTING_NOISE: f32 = 0.05;
/// The same, of its width and height.
const SIZE_NOISE: f32 = 0.08;
/// How fast a thing may be that is seen for the first time: standard deviation, in sides a second.
const FIRST_SPEED: f32 = 1.3;
/// How fast its speed changes: variance gathered in a second, in sides² a second³.
const SPEED_CHANGE: f32 = 0.6;
/// How fast its size changes: variance gathered in a second, in sides² a second.
const SIZE_CHANGE: f32 = 0.02;

/// The state of a thing at its last sighting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Motion {
    x: Moving,
    y: Moving,
    width: Drifting,
    height: Drifting,
}

/// Where a thing should be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Forecast {
    pub(crate) rectangle: Rectangle,
    /// Standard deviation of a sighting's centre from that of the rectangle, in pixels.
    pub(crate) deviation: [f32; 2],
}

impl Motion {
    pub(crate) fn new(seen: &Rectangle) -> Self {
        let [x, y] = seen.centre();
        let side = side(seen.width(), seen.height());
        Self {
            x: Moving::new(x, side),
            y: Moving::new(y, side),
            width: Drifting { value: seen.width(), variance: squared(SIZE_NOISE * side) },
            height: Drifting { value: seen.height(), variance: squared(SIZE_NOISE * side) },
        }
    }

    /// So many seconds after the last sighting.
    pub(crate) fn forecast(&self, seconds: f32) -> Forecast {
        let later = self.after(seconds);
        let noise = squared(SIGHTING_NOISE * self.side());
        Forecast {
            rectangle: later.rectangle(),
            deviation: [(later.x.variance + noise).sqrt(), (later.y.variance + noise).sqrt()],
        }
    }

    /// Takes in a sighting, so many seconds after the one before. The less sure it is, the less it moves the state
    /// (after Du et al. 2021, GIAOTracker).
    pub(crate) fn see(&mut self, seen: &Rectangle, confidence: f32, seconds: f32) {
        let side = self.side();
        let doubt = 1.0 + 2.0 * (1.0 - confidence.clamp(0.0, 1.0));
        let place_noise = squared(SIGHTING_NOISE * side * doubt);
        let size_noise = squared(SIZE_NOISE * side * doubt);
        let [x, y] = seen.centre();
        *self = self.after(seconds);
        self.x.see(x, place_noise);
        self.y.see(y, place_noise);
        self.width.see(seen.width(), size_noise);
        self.height.see(seen.height(), size_noise);
    }

    pub(crate) fn rectangle(&self) -> Rectangle {
        Rectangle::around(self.x.position, self.y.position, self.width.value, self.height.value)
    }

    pub(crate) fn side(&self) -> f32 {
        side(self.width.value, self.height.value)
    }

    fn after(&self, seconds: f32) -> Self {
        let side = self.side();
        Self {
            x: self.x.after(seconds, SPEED_CHANGE * squared(side)),
            y: self.y.after(seconds, SPEED_CHANGE * squared(side)),
            width: self.width.after(seconds, SIZE_CHANGE * squared(side)),
            height: self.height.after(seconds, SIZE_CHANGE * squared(side)),
        }
    }
}

/// A coordinate with a speed, and their covariance.
#[derive(Debug, Clone, Copy)]
struct Moving {
    position: f32,
    speed: f32,
    variance: f32,
    covariance: f32,
    speed_variance: f32,
}

impl Moving {
    fn new(position: f32, side: f32) -> Self {
        let variance = squared(SIGHTING_NOISE * side);
        Self { position, speed: 0.0, variance, covariance: 0.0, speed_variance: squared(FIRST_SPEED * side) }
    }

    fn after(&self, seconds: f32, change: f32) -> Self {
        let drift = seconds * (2.0 * self.covariance + seconds * self.speed_variance);
        Self {
            position: self.position + self.speed * seconds,
            speed: self.speed,
            variance: self.variance + drift + change * seconds.powi(3) / 3.0,
            covariance: self.covariance + seconds * self.speed_variance + change * seconds.powi(2) / 2.0,
            speed_variance: self.speed_variance + change * seconds,
        }
    }

    fn see(&mut self, position: f32, noise: f32) {
        let total = self.variance + noise;
        let (gain, speed_gain) = (self.variance / total, self.covariance / total);
        let surprise = position - self.position;
        self.position += gain * surprise;
        self.speed += speed_gain * surprise;
        self.speed_variance -= speed_gain * self.covariance;
        self.covariance *= 1.0 - gain;
        self.variance *= 1.0 - gain;
    }
}

/// A size without a trend.
#[derive(Debug, Clone, Copy)]
struct Drifting {
    value: f32,
    variance: f32,
}

impl Drifting {
    fn after(&self, seconds: f32, change: f32) -> Self {
        Self { value: self.value, variance: self.variance + change * seconds }
    }

    fn see(&mut self, value: f32, noise: f32) {
        let gain = self.variance / (self.variance + noise);
        self.value += gain * (value - self.value);
        self.variance *= 1.0 - gain;
    }
}

fn side(width: f32, height: f32) -> f32 {
    width.max(height)
}

fn squared(number: f32) -> f32 {
    number * number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn walker(seconds: f32) -> Rectangle {
        Rectangle::around(100.0 + 60.0 * seconds, 200.0 - 10.0 * seconds, 40.0, 90.0)
    }

    proptest! {
        #[test]
        fn a_forecast_in_two_steps_is_that_in_one(first in 0.0_f32..2.0, second in 0.0_f32..2.0) {
            let mut motion = Motion::new(&walker(0.0));
            motion.see(&walker(0.4), 0.7, 0.4);
            let stepped = motion.after(first).forecast(second);
            let at_once = motion.forecast(first + second);
            for (a, b) in stepped.deviation.iter().zip(at_once.deviation) {
                prop_assert!((a - b).abs() < 1e-3 * b, "{} is not {}", a, b);
            }
            prop_assert!((stepped.rectangle.x1 - at_once.rectangle.x1).abs() < 0.01);
        }

        #[test]
        fn uneven_steps_find_the_speed(steps in prop::collection::vec(0.03_f32..0.7, 12..30)) {
            let mut motion = Motion::new(&walker(0.0));
            let mut seconds = 0.0;
            for step in steps {
                seconds += step;
                motion.see(&walker(seconds), 0.8, step);
            }
            let ahead = motion.forecast(1.0).rectangle.centre();
            let expected = walker(seconds + 1.0).centre();
            prop_assert!((ahead[0] - expected[0]).abs() < 6.0, "{:?} is not {:?}", ahead, expected);
            prop_assert!((ahead[1] - expected[1]).abs() < 6.0);
        }
    }

    #[test]
    fn what_is_not_seen_is_known_less_and_less() {
        let motion = Motion::new(&walker(0.0));
        let deviations: Vec<f32> = (0..20).map(|tenths| motion.forecast(tenths as f32 / 10.0).deviation[0]).collect();
        assert!(deviations.is_sorted());
        assert!(deviations[19] > 10.0 * deviations[0]);
    }
}
