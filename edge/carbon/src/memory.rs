//! The intensities of the hours gone by: the sample that the price of accuracy is found on.

use std::collections::BTreeMap;

use crate::signal::{Intensity, Outlook};
use crate::time::HOUR_MS;

/// One intensity an hour, the last one said.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    by_hour: BTreeMap<i64, f64>,
    hours_max: i64,
}

impl Memory {
    pub(super) fn new(hours_max: u32) -> Self {
        Self { by_hour: BTreeMap::new(), hours_max: i64::from(hours_max) }
    }

    /// Remembers what holds now, and what the outlook knows of hours that are not remembered yet.
    pub(super) fn take_in(&mut self, now_ms: i64, outlook: &Outlook) {
        let hour = now_ms.div_euclid(HOUR_MS);
        if super::tells_of_the_hour(outlook.current.origin) {
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

    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.by_hour.values().copied()
    }

    /// The intensity that a share of the remembered hours is not above.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted: Vec<f64> = self.values().collect();
        sorted.sort_by(f64::total_cmp);
        let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(place).copied()
    }
}
