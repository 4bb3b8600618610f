//! The ways to look that can be best for some intensity, and the price of accuracy that chooses among them.
//!
//! Over time any mixture of ways is possible, so what is reached at least cost is the lower convex hull of the ways in
//! the plane of accuracy and watts (Andrew's monotone chain). With the grams that one accuracy-hour may cost as a
//! multiplier (Everett 1963), the best way at an intensity is where the hull's slope passes price over intensity.

use crate::configuration::Configuration;

/// A corner of the hull.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corner {
    /// Its place in the list of all ways.
    pub index: usize,
    /// 0 to 1.
    pub accuracy: f64,
    /// Watts.
    pub watts: f64,
}

/// The hull, ascending in accuracy and watts, the extra watts for an extra accuracy ascending too.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    corners: Vec<Corner>,
    /// Watts for accuracy between a corner and the next.
    slopes: Vec<f64>,
}

impl Frontier {
    /// The hull of those ways that are allowed. Of equals the one with less knobs turned is taken: the earlier in the
    /// list.
    pub fn new(configurations: &[Configuration], allowed: &[bool]) -> Self {
        let of = |(index, way): (usize, &Configuration)| Corner { index, accuracy: way.accuracy, watts: way.watts };
        let is_allowed = |(index, _): &(usize, &Configuration)| allowed.get(*index).copied().unwrap_or(false);
        let mut ways: Vec<Corner> = configurations.iter().enumerate().filter(is_allowed).map(of).collect();
        ways.sort_by(|a, b| {
            a.accuracy.total_cmp(&b.accuracy).then(b.watts.total_cmp(&a.watts)).then(b.index.cmp(&a.index))
        });
        let mut corners: Vec<Corner> = Vec::new();
        for way in ways {
            // More accuracy for no more watts: the lesser way is never best.
            while corners.last().is_some_and(|last| last.watts >= way.watts) {
                corners.pop();
            }
            while let [.., before, last] = corners[..]
                && slope(&before, &last) >= slope(&last, &way)
            {
                corners.pop();
            }
            corners.push(way);
        }
        let slopes = corners.windows(2).map(|pair| slope(&pair[0], &pair[1])).collect();
        Self { corners, slopes }
    }

    /// The corners, ascending.
    pub fn corners(&self) -> &[Corner] {
        &self.corners
    }

    /// The most accurate.
    pub fn best(&self) -> Option<&Corner> {
        self.corners.last()
    }

    /// How many steps a way, by its place in the list that the frontier was made of, is below the best; 0 for one that is
    /// not on the frontier.
    pub fn steps_down(&self, way: usize) -> usize {
        self.corners.iter().rev().position(|corner| corner.index == way).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.corners.len()
    }

    pub(super) fn at(&self, place: usize) -> &Corner {
        &self.corners[place]
    }

    pub(super) fn index(&self, place: usize) -> usize {
        self.corners[place].index
    }

    /// The place with the least of watts · intensity − price · accuracy; the better of two equals. `price` is grams for
    /// an accuracy of 1 held for an hour, times a thousand.
    pub fn choose(&self, price: f64, intensity: f64) -> usize {
        self.slopes.partition_point(|slope| slope * intensity <= price)
    }

    /// The cheapest place that is as accurate as that.
    pub fn keeping(&self, accuracy: f64) -> usize {
        self.corners.partition_point(|corner| corner.accuracy < accuracy).min(self.corners.len().saturating_sub(1))
    }

    /// The least price at which the mean accuracy over a sample of intensities is not under a target, to a part in a
    /// million; as good as infinite where it cannot be reached.
    pub fn price(&self, sample: &[f64], target: f64) -> f64 {
        let sorted = sorted(sample);
        let (mut low, mut high) = (0.0, self.price_of_the_best(&sorted));
        if self.mean_of_sorted(&sorted, low) >= target {
            return low;
        }
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if self.mean_of_sorted(&sorted, middle) >= target {
                high = middle
            } else {
                low = middle
            }
            if high - low <= high * 1e-6 {
                break;
            }
        }
        high
    }

    /// Mean accuracy over a sample at a price.
    #[cfg(test)]
    pub(crate) fn mean_accuracy(&self, sample: &[f64], price: f64) -> f64 {
        self.mean_of_sorted(&sorted(sample), price)
    }

    /// The least accuracy, and what each slope adds in the hours that are clean enough for it: those at the beginning.
    fn mean_of_sorted(&self, sorted: &[f64], price: f64) -> f64 {
        let least = self.corners.first().map_or(0.0, |corner| corner.accuracy);
        let steps = self.corners.windows(2).zip(&self.slopes);
        let added = steps.map(|(pair, slope)| {
            let hours = sorted.partition_point(|intensity| slope * intensity <= price);
            (pair[1].accuracy - pair[0].accuracy) * hours as f64
        });
        least + added.sum::<f64>() / sorted.len().max(1) as f64
    }

    /// A price at which everything is looked at in the best way.
    fn price_of_the_best(&self, sorted: &[f64]) -> f64 {
        let steepest = self.slopes.last().copied().unwrap_or(0.0);
        let dirtiest = sorted.last().copied().unwrap_or(0.0);
        (steepest * dirtiest).max(f64::MIN_POSITIVE)
    }

    /// Watts of the cheapest mixture with this mean accuracy.
    pub fn watts_at(&self, accuracy: f64) -> Option<f64> {
        let place = self.keeping(accuracy);
        let above = self.corners.get(place)?;
        let Some(below) = place.checked_sub(1).and_then(|below| self.corners.get(below)) else {
            return Some(above.watts);
        };
        let share = ((accuracy - below.accuracy) / (above.accuracy - below.accuracy)).clamp(0.0, 1.0);
        Some(below.watts + share * (above.watts - below.watts))
    }
}

fn sorted(sample: &[f64]) -> Vec<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn slope(from: &Corner, to: &Corner) -> f64 {
    (to.watts - from.watts) / (to.accuracy - from.accuracy)
}
