//! The intensities of the hours gone by: the sample that the price of accuracy is found on, and what is clean for uploads.

use std::collections::BTreeMap;

use crate::signal::{Intensity, Origin, Outlook};
use crate::time::HOUR_MS;

/// Hours that are remembered where nothing else is said: sixteen weeks.
pub(crate) const HISTORY_HOURS: u32 = 2688;

/// One intensity an hour, the last one said.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    by_hour: BTreeMap<i64, f64>,
    hours_max: i64,
}

impl Memory {
    pub(crate) fn new(hours_max: u32) -> Self {
        Self { by_hour: BTreeMap::new(), hours_max: i64::from(hours_max) }
    }

    /// Remembers what holds now, and what the outlook knows of hours that are not remembered yet.
    pub(crate) fn take_in(&mut self, now_ms: i64, outlook: &Outlook) {
        let hour = now_ms.div_euclid(HOUR_MS);
        // A factor of the year says nothing of the hour.
        if outlook.current.origin != Origin::Annual {
            self.by_hour.insert(hour, outlook.current.g_per_kwh);
        }
        let told =
            outlook.past.iter().rev().map(|point: &Intensity| (point.at_ms.div_euclid(HOUR_MS), point.g_per_kwh));
        for (hour, g_per_kwh) in told {
            // The newest of an hour comes first.
            self.by_hour.entry(hour).or_insert(g_per_kwh);
        }
        self.by_hour = self.by_hour.split_off(&(hour - self.hours_max + 1));
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.by_hour.values().copied()
    }

    /// The intensity that a share of the remembered hours is not above.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted: Vec<f64> = self.values().collect();
        sorted.sort_by(f64::total_cmp);
        let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::made_up::outlook;

    #[test]
    fn the_annual_factor_is_not_remembered_as_an_hour() {
        let mut memory = Memory::new(24);
        let mut told = outlook(0, 300.0, &[]);
        told.current.origin = Origin::Annual;
        memory.take_in(0, &told);
        assert_eq!(memory.values().count(), 0);
    }

    #[test]
    fn what_a_provider_knows_of_the_past_is_remembered_at_once() {
        let mut memory = Memory::new(3);
        let mut told = outlook(9 * HOUR_MS, 9.0, &[]);
        let past = |hour: i64| Intensity { at_ms: hour * HOUR_MS, g_per_kwh: hour as f64, origin: Origin::Measured };
        told.past = (0..9).map(past).collect();
        memory.take_in(9 * HOUR_MS, &told);
        assert_eq!(memory.values().collect::<Vec<_>>(), [7.0, 8.0, 9.0]);
        assert_eq!(memory.quantile(0.5), Some(8.0));
    }
}
