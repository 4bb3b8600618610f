//! What holds now, from what a provider answered and when: the last good value until it is stale, then the annual
//! factor of the zone; when to ask next; and what people are told about it. Pure: times come in as numbers.
//!
//! ```text
//! fresh ──failures──▶ fresh, asked less and less ──stale──▶ annual ──an answer──▶ fresh
//! ```

#[cfg(test)]
mod tests;

use super::{Annual, Intensity, Origin, SignalError};

/// How long the past is kept, milliseconds: two days.
const PAST_MS: i64 = 48 * crate::time::HOUR_MS;

/// How often is asked, and how long an answer is good for. All in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerOptions {
    /// Between two questions that are answered.
    pub interval_ms: i64,
    /// After this time a value without a successor is not believed any more.
    pub stale_after_ms: i64,
    /// After the first failure; doubles with each further one.
    pub backoff_min_ms: i64,
    /// What it doubles up to; at once where only a person can help.
    pub backoff_max_ms: i64,
}

/// What is known at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// What holds now.
    pub current: Intensity,
    /// What was known before, ascending.
    pub past: Vec<Intensity>,
    /// What is said of the time to come, ascending; often empty.
    pub forecast: Vec<Intensity>,
    /// Where the current value comes from, for people.
    pub source: String,
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The provider did not answer.
    Failed {
        /// Why, without secrets.
        reason: String,
        /// Whether somebody must change a setting.
        needs_a_person: bool,
        /// When it is asked again, milliseconds since the epoch.
        again_ms: i64,
    },
    /// Nothing fresh is known; the annual factor stands in.
    FellBack {
        /// Grams of CO₂ equivalent a kilowatt-hour.
        g_per_kwh: f64,
        /// What factor it is.
        source: String,
    },
    /// There are fresh values again, or for the first time.
    Fresh {
        /// Who gave them.
        source: String,
    },
}

/// The state between questions.
#[derive(Clone, Debug)]
pub struct Follower {
    options: FollowerOptions,
    provider: String,
    annual: Annual,
    points: Vec<Intensity>,
    /// When the provider answered last, or failed to; nothing at first.
    answered_ms: Option<i64>,
    /// When it is to be asked next.
    due_ms: i64,
    failures: u32,
    /// What people were told last; nothing at first.
    told: Option<Told>,
}

/// Whether values are fresh, and since when that is so.
#[derive(Clone, Copy, Debug)]
struct Told {
    is_fresh: bool,
    since_ms: i64,
}

impl Follower {
    /// A follower of a provider of this name, which is to be asked at once.
    pub fn new(options: FollowerOptions, provider: &str, annual: Annual) -> Self {
        Self {
            options,
            provider: provider.to_owned(),
            annual,
            points: Vec::new(),
            answered_ms: None,
            due_ms: i64::MIN,
            failures: 0,
            told: None,
        }
    }

    /// Whether the provider is to be asked now: its time has come, or the clock was set back before its last answer.
    pub fn is_due(&self, now_ms: i64) -> bool {
        now_ms >= self.due_ms || self.answered_ms.is_some_and(|answered_ms| now_ms < answered_ms)
    }

    /// Takes an answer that came at a time.
    pub fn answered(&mut self, now_ms: i64, answer: Result<Vec<Intensity>, SignalError>) -> Option<Notice> {
        self.answered_ms = Some(now_ms);
        match answer {
            Ok(points) => {
                self.failures = 0;
                self.due_ms = now_ms.saturating_add(self.options.interval_ms);
                self.merge(now_ms, points);
                None
            }
            Err(error) => {
                self.due_ms = now_ms.saturating_add(self.wait_ms(&error));
                self.failures = self.failures.saturating_add(1);
                let needs_a_person = error.needs_a_person();
                Some(Notice::Failed { reason: chain(&error), needs_a_person, again_ms: self.due_ms })
            }
        }
    }

    /// What is known now, and a notice when the kind of knowledge has changed since it was last asked.
    pub fn outlook(&mut self, now_ms: i64) -> (Outlook, Option<Notice>) {
        let begun = self.points.partition_point(|point| point.at_ms <= now_ms);
        let (past, forecast) = self.points.split_at(begun);
        let held = past.last().filter(|point| now_ms.saturating_sub(point.at_ms) <= self.options.stale_after_ms);
        let is_fresh = held.is_some();
        let told = self.told.filter(|told| told.is_fresh == is_fresh);
        let since_ms = told.map_or(now_ms, |told| told.since_ms);
        let (current, source) = match held {
            Some(point) => (*point, self.provider.clone()),
            None => {
                let current = Intensity { at_ms: since_ms, g_per_kwh: self.annual.g_per_kwh, origin: Origin::Annual };
                (current, self.annual.source.clone())
            }
        };
        let outlook = Outlook { current, past: past.to_vec(), forecast: forecast.to_vec(), source };
        let notice = told.is_none().then(|| match is_fresh {
            true => Notice::Fresh { source: outlook.source.clone() },
            false => Notice::FellBack { g_per_kwh: current.g_per_kwh, source: outlook.source.clone() },
        });
        self.told = Some(Told { is_fresh, since_ms });
        (outlook, notice)
    }

    /// What is new replaces what overlaps it; forecasts that were not said again are forgotten.
    fn merge(&mut self, now_ms: i64, points: Vec<Intensity>) {
        let Some(first) = points.first() else { return };
        self.points.retain(|point| {
            point.at_ms < first.at_ms && point.at_ms <= now_ms && now_ms.saturating_sub(point.at_ms) <= PAST_MS
        });
        self.points.extend(points);
    }

    fn wait_ms(&self, error: &SignalError) -> i64 {
        let FollowerOptions { backoff_min_ms, backoff_max_ms, .. } = self.options;
        let doubled = backoff_min_ms.saturating_mul(1 << self.failures.min(30)).min(backoff_max_ms);
        let patient = if error.needs_a_person() { backoff_max_ms } else { doubled };
        // A provider may ask for more patience, but not for all of it.
        let day_ms = 24 * crate::time::HOUR_MS;
        patient.max(error.retry_after_ms().unwrap_or(0).min(day_ms)).max(1)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
