//! Carbon: what the electricity costs the climate now, and how much detection does about it.
//!
//! [`signal`] knows the intensity at a time, [`policy`] decides the step, [`Ladder`] says what a step means for a camera.
//! All of it is pure: the clock's time comes in as a number.

mod policy;
mod signal;

pub use policy::{Policy, Step};
pub use signal::{CarbonSignal, TraceError};

/// Shares of the frame rate below full tiers, percent.
const SHARES_PERCENT: [u8; 2] = [50, 25];

/// What a camera does at a step: first its tiers one after the other, then fewer frames at the last tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    tiers: Vec<u32>,
}

/// How a camera is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Input size of the network, pixels.
    pub tier: u32,
    /// How many of a hundred frames are looked at.
    pub share_percent: u8,
}

impl Ladder {
    /// A ladder along these input sizes, the best first.
    pub fn new(tiers: &[u32]) -> Self {
        Self { tiers: tiers.to_vec() }
    }

    /// The effort at a step; beyond the last rung it is the last rung. Nothing when there is no tier at all.
    pub fn effort(&self, step: usize) -> Option<Effort> {
        let last = self.tiers.last()?;
        let share = |below: usize| SHARES_PERCENT[below.min(SHARES_PERCENT.len() - 1)];
        Some(match self.tiers.get(step) {
            Some(&tier) => Effort { tier, share_percent: 100 },
            None => Effort { tier: *last, share_percent: share(step - self.tiers.len()) },
        })
    }
}

/// Which frames are looked at when only a share of them is: as evenly spread as can be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cadence {
    credit_percent: u32,
}

impl Cadence {
    /// Whether the next frame is looked at, at this share.
    pub fn looks_at_next(&mut self, share_percent: u8) -> bool {
        self.credit_percent += u32::from(share_percent);
        let looks = self.credit_percent >= 100;
        if looks {
            self.credit_percent %= 100;
        }
        looks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_goes_down_the_tiers_and_then_the_rate() {
        let ladder = Ladder::new(&[416, 320, 256]);
        let rungs: Vec<(u32, u8)> =
            (0..7).filter_map(|step| ladder.effort(step).map(|effort| (effort.tier, effort.share_percent))).collect();
        assert_eq!(rungs, [(416, 100), (320, 100), (256, 100), (256, 50), (256, 25), (256, 25), (256, 25)]);
        assert_eq!(Ladder::new(&[]).effort(0), None);
    }

    #[test]
    fn a_share_of_frames_is_spread_evenly() {
        let looked = |share| {
            let mut cadence = Cadence::default();
            (0..8).map(|_| if cadence.looks_at_next(share) { '#' } else { '.' }).collect::<String>()
        };
        assert_eq!(looked(100), "########");
        assert_eq!(looked(50), ".#.#.#.#");
        assert_eq!(looked(25), "...#...#");
        assert_eq!(looked(0), "........");
    }
}
