//! The watermark of one instance of a source, over its partitions. Pure: the time of day is handed in.
//!
//! It is the least over the partitions that are awake. A partition that has had no rows for `idle_after` stops
//! holding the others back; when all are idle, event time moves on with the clock from where the furthest of them
//! was, so that the last windows close. It advances in steps of at least [`STEP`], and never goes back.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_core::{EventTime, Watermark};

/// Watermarks closer together than this are held back: each one costs a message a task.
pub(crate) const STEP: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug)]
struct Partition {
    time: EventTime,
    active_at: Duration,
}

/// The partitions' times. `now` is the time since the task began, from a monotonic clock.
#[derive(Debug)]
pub(crate) struct SourceTime {
    idle_after: Option<Duration>,
    names: Vec<String>,
    partitions: BTreeMap<String, Partition>,
    restored: BTreeMap<String, EventTime>,
    sent: Watermark,
}

impl SourceTime {
    /// A source that goes on where its partitions had these times.
    pub(crate) fn new(idle_after: Option<Duration>, restored: BTreeMap<String, EventTime>) -> Self {
        SourceTime { idle_after, names: Vec::new(), partitions: BTreeMap::new(), restored, sent: Watermark::START }
    }

    /// These are the partitions now.
    pub(crate) fn assign(&mut self, names: Vec<String>, now: Duration) {
        self.partitions.retain(|name, _| names.contains(name));
        for name in &names {
            let time = self.restored.remove(name).unwrap_or(EventTime::MIN);
            self.partitions.entry(name.clone()).or_insert(Partition { time, active_at: now });
        }
        self.names = names;
    }

    /// Rows of a partition have come; the watermark that they allow.
    pub(crate) fn observe(&mut self, partition: usize, time: Option<EventTime>, now: Duration) {
        let known = self.names.get(partition).and_then(|name| self.partitions.get_mut(name));
        if let Some(known) = known {
            known.active_at = now;
            known.time = known.time.max(time.unwrap_or(EventTime::MIN));
        }
    }

    /// The watermark to send, if it is time for one.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<Watermark> {
        let next = self.watermark(now);
        let worth_it = next.time >= self.sent.time.plus(STEP) && next.time > self.sent.time;
        if !worth_it && next.idle == self.sent.idle {
            return None;
        }
        self.sent = Watermark { time: next.time.max(self.sent.time), idle: next.idle };
        Some(self.sent)
    }

    /// Each partition's time, for a checkpoint.
    pub(crate) fn times(&self) -> impl Iterator<Item = (&str, EventTime)> {
        self.partitions.iter().map(|(name, partition)| (name.as_str(), partition.time))
    }

    fn watermark(&self, now: Duration) -> Watermark {
        let is_idle = |p: &&Partition| self.idle_after.is_some_and(|after| now.saturating_sub(p.active_at) >= after);
        let awake = self.partitions.values().filter(|p| !is_idle(p)).map(|p| p.time).min();
        if let Some(time) = awake {
            return Watermark::at(time);
        }
        let furthest = self.partitions.values().filter(|p| p.time > EventTime::MIN).max_by_key(|p| p.time);
        Watermark::idle_at(furthest.map_or(EventTime::MIN, |p| p.time.plus(now.saturating_sub(p.active_at))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn event(s: u64) -> EventTime {
        EventTime(0).plus(seconds(s))
    }

    fn two_partitions() -> SourceTime {
        let mut time = SourceTime::new(Some(IDLE), BTreeMap::new());
        time.assign(vec!["t/0".into(), "t/1".into()], seconds(0));
        time
    }

    #[test]
    fn the_slowest_partition_leads_until_it_is_idle() {
        let mut time = two_partitions();
        time.observe(0, Some(event(100)), seconds(1));
        assert_eq!(time.advance(seconds(1)), None, "the other partition has said nothing");
        assert_eq!(time.advance(seconds(30)), Some(Watermark::at(event(100))));
    }

    #[test]
    fn when_all_are_idle_time_moves_on_with_the_clock() {
        let mut time = two_partitions();
        time.observe(0, Some(event(100)), seconds(5));
        time.observe(1, Some(event(90)), seconds(6));
        assert_eq!(time.advance(seconds(6)), Some(Watermark::at(event(90))));
        assert_eq!(time.advance(seconds(40)), Some(Watermark::idle_at(event(135))));
        assert_eq!(time.advance(seconds(50)), Some(Watermark::idle_at(event(145))));
    }

    #[test]
    fn waking_up_does_not_go_back() {
        let mut time = two_partitions();
        time.observe(0, Some(event(100)), seconds(0));
        time.observe(1, Some(event(100)), seconds(0));
        time.advance(seconds(0));
        assert_eq!(time.advance(seconds(40)), Some(Watermark::idle_at(event(140))));
        time.observe(1, Some(event(120)), seconds(41));
        assert_eq!(time.advance(seconds(41)), Some(Watermark::at(event(140))));
    }

    #[test]
    fn small_steps_are_held_back() {
        let mut time = SourceTime::new(None, BTreeMap::new());
        time.assign(vec!["p".into()], seconds(0));
        time.observe(0, Some(event(10)), seconds(0));
        assert!(time.advance(seconds(0)).is_some());
        time.observe(0, Some(event(10).plus(Duration::from_millis(1))), seconds(0));
        assert_eq!(time.advance(seconds(0)), None);
    }

    #[test]
    fn a_restored_partition_goes_on_from_its_time_and_an_empty_source_is_idle() {
        let mut time = SourceTime::new(None, BTreeMap::from([("p".to_owned(), event(50))]));
        assert_eq!(time.advance(seconds(0)), Some(Watermark::idle_at(EventTime::MIN)));
        time.assign(vec!["p".into()], seconds(0));
        assert_eq!(time.advance(seconds(0)), Some(Watermark::at(event(50))));
        assert_eq!(time.times().collect::<Vec<_>>(), [("p", event(50))]);
    }
}
