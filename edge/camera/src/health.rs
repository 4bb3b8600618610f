//! A camera that delivers pictures and yet shows nothing: frozen on one, black, or covered.
//!
//! Frozen is a picture that differs from an earlier one by less than any sensor's noise, for long. Strong compression
//! makes still scenes very alike, which is why the time is long and the comparison is with the picture at its
//! beginning and not with the one before. Dark is a picture that is black, or the same everywhere, as behind a hand or
//! a cap. Both are only reported: what is done about them is the operator's.

use serde::Deserialize;

use crate::glance::Glance;

/// When a picture is no good sign.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthOptions {
    /// How long the picture may stay the same, milliseconds; 0 never looks.
    pub frozen_after_ms: u64,
    /// Mean difference up to which two pictures are the same, levels of 255.
    pub frozen_levels: f32,
    /// How long the picture may be black or covered, milliseconds; 0 never looks.
    pub dark_after_ms: u64,
    /// Mean brightness up to which a picture is black, levels of 255.
    pub dark_levels: f32,
    /// Deviation over the picture up to which it is covered, levels of 255.
    pub flat_levels: f32,
}

impl Default for HealthOptions {
    fn default() -> Self {
        Self { frozen_after_ms: 60_000, frozen_levels: 0.02, dark_after_ms: 5000, dark_levels: 12.0, flat_levels: 2.0 }
    }
}

/// How a camera's picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// It has not changed for long.
    pub is_frozen: bool,
    /// It has been black or covered for long.
    pub is_dark: bool,
}

/// The health of one camera's picture over time.
pub struct HealthWatch {
    options: HealthOptions,
    same_since: Option<(Glance, u64)>,
    dark_since_ms: Option<u64>,
}

impl HealthWatch {
    /// A camera of which nothing has been seen.
    pub fn new(options: HealthOptions) -> Self {
        Self { options, same_since: None, dark_since_ms: None }
    }

    /// Looks at the next picture.
    pub fn look(&mut self, glance: &Glance, now_ms: u64) -> Health {
        Health { is_frozen: self.is_frozen(glance, now_ms), is_dark: self.is_dark(glance, now_ms) }
    }

    fn is_frozen(&mut self, glance: &Glance, now_ms: u64) -> bool {
        match &self.same_since {
            Some((first, since_ms)) if first.difference(glance) <= self.options.frozen_levels => {
                is_over(*since_ms, self.options.frozen_after_ms, now_ms)
            }
            _ => {
                self.same_since = Some((glance.clone(), now_ms));
                false
            }
        }
    }

    fn is_dark(&mut self, glance: &Glance, now_ms: u64) -> bool {
        let is_dark = glance.mean() <= self.options.dark_levels || glance.deviation() <= self.options.flat_levels;
        self.dark_since_ms = is_dark.then(|| self.dark_since_ms.unwrap_or(now_ms));
        self.dark_since_ms.is_some_and(|since_ms| is_over(since_ms, self.options.dark_after_ms, now_ms))
    }
}

fn is_over(since_ms: u64, after_ms: u64, now_ms: u64) -> bool {
    after_ms > 0 && now_ms.saturating_sub(since_ms) >= after_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Picture;

    const OPTIONS: HealthOptions = HealthOptions {
        frozen_after_ms: 1000,
        frozen_levels: 0.02,
        dark_after_ms: 500,
        dark_levels: 12.0,
        flat_levels: 2.0,
    };

    /// A ramp from `low` to `high`, of which one pixel in ten is one brighter where `grain` says so.
    fn ramp(low: u8, high: u8, grain: usize) -> Glance {
        let grey = |x: usize| low + ((high - low) as usize * x / 199) as u8;
        let pixel = |at: usize| grey(at % 200) + u8::from(at % 10 == grain);
        let pixels = (0..200 * 100).flat_map(|at| [pixel(at); 3]).collect();
        Glance::of(&Picture { width: 200, height: 100, pixels })
    }

    /// Looks every 100 ms and gives the first time at which it is (frozen, dark).
    fn first(glance: impl Fn(u64) -> Glance) -> (Option<u64>, Option<u64>) {
        let mut watch = HealthWatch::new(OPTIONS);
        let mut first = (None, None);
        for now_ms in (0..3000).step_by(100) {
            let health = watch.look(&glance(now_ms), now_ms);
            first.0 = first.0.or(health.is_frozen.then_some(now_ms));
            first.1 = first.1.or(health.is_dark.then_some(now_ms));
        }
        first
    }

    #[test]
    fn a_picture_that_stays_is_frozen_and_one_with_a_grain_of_noise_is_not() {
        assert_eq!(first(|_| ramp(30, 200, 3)), (Some(1000), None));
        assert_eq!(first(|now_ms| ramp(30, 200, now_ms as usize / 100 % 10)), (None, None));
    }

    #[test]
    fn black_and_covered_are_dark_and_night_with_a_lamp_is_not() {
        assert_eq!(first(|now_ms| ramp(0, 8, now_ms as usize / 100 % 10)).1, Some(500));
        assert_eq!(first(|now_ms| ramp(120, 122, now_ms as usize / 100 % 10)).1, Some(500));
        assert_eq!(first(|now_ms| ramp(0, 80, now_ms as usize / 100 % 10)).1, None);
    }

    #[test]
    fn a_flash_ends_the_dark_and_a_change_ends_the_frost() {
        let flashing = |now_ms| if now_ms % 500 == 400 { ramp(0, 200, 0) } else { ramp(0, 8, 0) };
        assert_eq!(first(flashing), (None, None));
    }

    #[test]
    fn zero_never_looks() {
        let mut watch = HealthWatch::new(HealthOptions { frozen_after_ms: 0, dark_after_ms: 0, ..OPTIONS });
        assert!((0..100).all(|second| watch.look(&ramp(0, 0, 3), second * 1000) == Health::default()));
    }
}
