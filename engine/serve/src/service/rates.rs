//! Rates from counters: what was added over the last seconds. Pure: time comes in.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use headwater_runtime::JobStatus;

/// How far back a rate looks.
const SPAN: Duration = Duration::from_secs(10);

/// A counter of a job: its rows in, or out, of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CounterName {
    pub job: String,
    pub side: Side,
    pub table: String,
}

/// Which end of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Source,
    Sink,
}

/// The counters of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rates {
    samples: VecDeque<(Instant, BTreeMap<CounterName, u64>)>,
}

impl Rates {
    /// Notes every job's counters as of `at`, which never goes back.
    pub(super) fn sample(&mut self, at: Instant, statuses: &[JobStatus]) {
        let mut counters = BTreeMap::new();
        for status in statuses {
            let name = |side, table: &str| CounterName { job: status.name.clone(), side, table: table.to_owned() };
            let sources = status.sources.iter().map(|source| (name(Side::Source, &source.table), source.rows));
            let sinks = status.sinks.iter().map(|sink| (name(Side::Sink, &sink.table), sink.rows));
            for (name, rows) in sources.chain(sinks) {
                // A job may read one table twice.
                *counters.entry(name).or_default() += rows;
            }
        }
        self.samples.push_back((at, counters));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(first, _)| at - *first > SPAN) {
            self.samples.pop_front();
        }
    }

    /// Rows a second of one counter; 0 until there are two notes of it.
    pub(super) fn rows_per_second(&self, job: &str, side: Side, table: &str) -> f64 {
        let name = CounterName { job: job.to_owned(), side, table: table.to_owned() };
        let mut known = self.samples.iter().filter_map(|(at, counters)| Some((*at, *counters.get(&name)?)));
        let (Some((first_at, first)), Some((last_at, last))) = (known.next(), known.next_back()) else { return 0.0 };
        let seconds = (last_at - first_at).as_secs_f64();
        // A counter begins again at 0 when its job was restarted.
        if seconds > 0.0 { last.saturating_sub(first) as f64 / seconds } else { 0.0 }
    }
}
