//! The watermark of one instance of a source, over its partitions, and which of these run too far ahead. Pure: the
//! time of day is handed in, and so is how far other instances are.
//!
//! The watermark is the least over the partitions that are awake. A partition that has had no rows for `idle_after`
//! stops holding the others back, unless more rows are known to wait in it; when all are idle, event time moves on with
//! the clock from where the furthest of them was, so that the last windows close. It advances in steps of at least
//! `step` while rows come, and never goes back.
//!
//! Where there is a `max_drift`, a partition that is further ahead of the slowest awake one than that is held: it is not
//! read until the slowest has caught up or is idle. The slowest is never held, so somebody always reads; and who is held
//! does not become idle, for it is silent only because nobody listens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use headwater_core::{EventTime, Watermark};

/// What a table says of its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeRules {
    /// How long a partition may be silent; `None` is for ever.
    pub(crate) idle_after: Option<Duration>,
    /// How far a partition may be ahead of the slowest; `None` is however far.
    pub(crate) max_drift: Option<Duration>,
    /// Watermarks closer together than this are held back: each one costs a message a task.
    pub(crate) step: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Partition {
    time: EventTime,
    active_at: Duration,
    held: bool,
}

/// The partitions' times. `now` is the time since the task began, from a monotonic clock.
#[derive(Debug)]
pub(crate) struct SourceTime {
    rules: TimeRules,
    names: Vec<String>,
    partitions: BTreeMap<String, Partition>,
    restored: BTreeMap<String, EventTime>,
    /// The furthest that any partition has been, one that is gone by now too, and when it said so.
    furthest: (EventTime, Duration),
    sent: Watermark,
    /// Whether it is known what partitions there are: before, others must not run ahead of rows that may come.
    announced: bool,
    /// Whether there were partitions and all of them are gone.
    emptied: bool,
}

impl SourceTime {
    /// A source that goes on where its partitions had these times, from a checkpoint with this watermark.
    pub(crate) fn new(rules: TimeRules, restored: BTreeMap<String, EventTime>, watermark: Option<EventTime>) -> Self {
        SourceTime {
            rules,
            names: Vec::new(),
            partitions: BTreeMap::new(),
            restored,
            furthest: (watermark.unwrap_or(EventTime::MIN), Duration::ZERO),
            sent: Watermark::START,
            announced: false,
            emptied: false,
        }
    }

    /// These are the partitions now. None of them is held until [`SourceTime::hold`] says so.
    pub(crate) fn assign(&mut self, names: Vec<String>, now: Duration) {
        self.release(now);
        self.emptied = names.is_empty() && (self.emptied || !self.partitions.is_empty());
        self.announced = true;
        self.partitions.retain(|name, _| names.contains(name));
        for name in &names {
            let time = self.restored.remove(name).unwrap_or(EventTime::MIN);
            self.partitions.entry(name.clone()).or_insert(Partition { time, active_at: now, held: false });
            self.note_furthest(time, now);
        }
        self.names = names;
    }

    /// Rows of a partition have come; the watermark that they allow.
    pub(crate) fn observe(&mut self, partition: usize, time: Option<EventTime>, now: Duration) {
        let known = self.names.get(partition).and_then(|name| self.partitions.get_mut(name));
        if let Some(known) = known {
            known.active_at = now;
            known.time = known.time.max(time.unwrap_or(EventTime::MIN));
            let time = known.time;
            self.note_furthest(time, now);
        }
    }

    /// Notes which partitions are known to have more rows: they are not idle, only not read.
    pub(crate) fn keep_awake(&mut self, has_more: impl Fn(usize) -> bool, now: Duration) {
        for name in self.names.iter().enumerate().filter(|(index, _)| has_more(*index)).map(|(_, name)| name) {
            if let Some(partition) = self.partitions.get_mut(name) {
                partition.active_at = now;
            }
        }
    }

    /// The watermark to send, if it is time for one.
    pub(crate) fn advance(&mut self, now: Duration) -> Option<Watermark> {
        let next = self.watermark(now);
        // What has waited for so long by the clock need not wait for more rows.
        let rested = |partition: &Partition| now.saturating_sub(partition.active_at) >= self.rules.step;
        let rested = !next.idle && self.partitions.values().all(rested);
        let step = if rested { Duration::ZERO } else { self.rules.step };
        let worth_it = next.time >= self.sent.time.plus(step) && next.time > self.sent.time;
        if !worth_it && next.idle == self.sent.idle {
            return None;
        }
        self.sent = Watermark { time: next.time.max(self.sent.time), idle: next.idle };
        Some(self.sent)
    }

    /// The time of the slowest partition that is awake: what other instances may not run too far ahead of. The end of
    /// time where all are idle.
    pub(crate) fn slowest(&self, now: Duration) -> EventTime {
        self.awake(now).map(|partition| partition.time).min().unwrap_or(EventTime::MAX)
    }

    /// The partitions that are too far ahead, by their number, where they are others than before. `slowest` is the time
    /// of the slowest partition of all instances.
    pub(crate) fn hold(&mut self, slowest: EventTime, now: Duration) -> Option<BTreeSet<usize>> {
        let limit = slowest.min(self.slowest(now)).plus(self.rules.max_drift?);
        let mut changed = false;
        for partition in self.partitions.values_mut().filter(|p| p.held != (p.time > limit)) {
            changed = true;
            partition.held = !partition.held;
            partition.active_at = now;
        }
        let is_held = |name: &String| self.partitions.get(name).is_some_and(|partition| partition.held);
        let held = || (0..self.names.len()).filter(|index| is_held(&self.names[*index])).collect();
        changed.then(held)
    }

    /// Lets go of all that are held.
    pub(crate) fn release(&mut self, now: Duration) {
        for partition in self.partitions.values_mut().filter(|partition| partition.held) {
            partition.held = false;
            partition.active_at = now;
        }
    }

    /// Each partition's time, for a checkpoint.
    pub(crate) fn times(&self) -> impl Iterator<Item = (&str, EventTime)> {
        self.partitions.iter().map(|(name, partition)| (name.as_str(), partition.time))
    }

    fn note_furthest(&mut self, time: EventTime, now: Duration) {
        if time > EventTime::MIN && time >= self.furthest.0 {
            self.furthest = (time, now);
        }
    }

    fn awake(&self, now: Duration) -> impl Iterator<Item = &Partition> {
        self.partitions.values().filter(move |partition| partition.held || !self.is_silent(partition.active_at, now))
    }

    fn is_silent(&self, since: Duration, now: Duration) -> bool {
        self.rules.idle_after.is_some_and(|after| now.saturating_sub(since) >= after)
    }

    fn watermark(&self, now: Duration) -> Watermark {
        if !self.announced || self.emptied && !self.is_silent(self.furthest.1, now) {
            return Watermark::at(self.sent.time);
        }
        if let Some(time) = self.awake(now).map(|partition| partition.time).min() {
            return Watermark::at(time);
        }
        let (time, at) = self.furthest;
        let unknown = self.partitions.is_empty() && !self.emptied || time == EventTime::MIN;
        Watermark::idle_at(if unknown { EventTime::MIN } else { time.plus(now.saturating_sub(at)) })
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

    fn rules(idle_after: Option<Duration>) -> TimeRules {
        TimeRules { idle_after, max_drift: None, step: Duration::from_millis(250) }
    }

    fn two_partitions() -> SourceTime {
        let mut time = SourceTime::new(rules(Some(IDLE)), BTreeMap::new(), None);
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
        let step = Duration::from_secs(2);
        let mut time = SourceTime::new(TimeRules { step, ..rules(None) }, BTreeMap::new(), None);
        time.assign(vec!["p".into()], seconds(0));
        time.observe(0, Some(event(10)), seconds(0));
        assert!(time.advance(seconds(0)).is_some());
        time.observe(0, Some(event(12).minus(Duration::from_millis(1))), seconds(0));
        assert_eq!(time.advance(seconds(0)), None);
        time.observe(0, Some(event(12)), seconds(0));
        assert_eq!(time.advance(seconds(0)), Some(Watermark::at(event(12))));
    }

    #[test]
    fn a_restored_partition_goes_on_from_its_time_and_an_empty_source_is_idle() {
        let mut time = SourceTime::new(rules(None), BTreeMap::from([("p".to_owned(), event(50))]), None);
        assert_eq!(time.advance(seconds(0)), None, "nobody knows yet what will come");
        time.assign(vec!["p".into()], seconds(0));
        assert_eq!(time.advance(seconds(0)), Some(Watermark::at(event(50))));
        assert_eq!(time.times().collect::<Vec<_>>(), [("p", event(50))]);
    }

    #[test]
    fn who_has_more_to_say_is_not_idle() {
        let mut time = two_partitions();
        time.observe(0, Some(event(100)), seconds(1));
        time.keep_awake(|partition| partition == 1, seconds(29));
        assert_eq!(time.advance(seconds(58)), None, "one has more, the other is idle");
        assert_eq!(time.advance(seconds(59)), Some(Watermark::idle_at(event(158))));
    }

    #[test]
    fn time_moves_on_from_where_a_checkpoint_was() {
        let mut time = SourceTime::new(rules(Some(IDLE)), BTreeMap::new(), Some(event(50)));
        time.assign(Vec::new(), seconds(1));
        let idle = Some(Watermark::idle_at(EventTime::MIN));
        assert_eq!(time.advance(seconds(1)), idle, "without partitions it has none");
        time.assign(vec!["p".into()], seconds(1));
        assert_eq!(time.advance(seconds(40)), Some(Watermark::idle_at(event(90))));
    }

    #[test]
    fn time_moves_on_from_a_partition_that_is_gone() {
        let mut time = two_partitions();
        time.observe(0, Some(event(100)), seconds(1));
        time.assign(vec!["t/1".into()], seconds(2));
        time.observe(0, Some(event(90)), seconds(2));
        assert_eq!(time.advance(seconds(2)), Some(Watermark::at(event(90))));
        assert_eq!(time.advance(seconds(41)), Some(Watermark::idle_at(event(140))));
    }

    #[test]
    fn a_source_whose_partitions_are_all_gone_is_idle_when_it_has_been_silent() {
        let mut time = two_partitions();
        time.observe(0, Some(event(100)), seconds(1));
        time.observe(1, Some(event(90)), seconds(1));
        assert_eq!(time.advance(seconds(1)), Some(Watermark::at(event(90))));
        time.assign(Vec::new(), seconds(2));
        assert_eq!(time.advance(seconds(30)), None, "others wait for what may come");
        assert_eq!(time.advance(seconds(31)), Some(Watermark::idle_at(event(130))));
        time.assign(vec!["t/2".into()], seconds(40));
        assert_eq!(time.advance(seconds(40)), Some(Watermark { time: event(130), idle: false }));
    }

    fn drifting() -> SourceTime {
        let mut time =
            SourceTime::new(TimeRules { max_drift: Some(seconds(10)), ..rules(Some(IDLE)) }, BTreeMap::new(), None);
        time.assign(vec!["t/0".into(), "t/1".into()], seconds(0));
        time
    }

    fn held(partitions: &[usize]) -> Option<BTreeSet<usize>> {
        Some(partitions.iter().copied().collect())
    }

    #[test]
    fn who_is_ahead_waits_until_the_slowest_has_caught_up() {
        let mut time = drifting();
        time.observe(0, Some(event(100)), seconds(1));
        assert_eq!(time.hold(EventTime::MAX, seconds(1)), held(&[0]), "the other one has said nothing");
        time.observe(1, Some(event(80)), seconds(2));
        assert_eq!(time.hold(EventTime::MAX, seconds(2)), None, "still held");
        time.observe(1, Some(event(90)), seconds(3));
        assert_eq!(time.hold(EventTime::MAX, seconds(3)), held(&[]));
        time.observe(1, Some(event(111)), seconds(4));
        assert_eq!(time.hold(EventTime::MAX, seconds(4)), held(&[1]));
    }

    #[test]
    fn who_is_idle_holds_nobody_and_who_is_held_is_not_idle() {
        let mut time = drifting();
        time.observe(0, Some(event(100)), seconds(1));
        assert_eq!(time.hold(EventTime::MAX, seconds(1)), held(&[0]));
        assert_eq!(time.hold(EventTime::MAX, seconds(30)), held(&[]), "the silent one is idle");
        assert_eq!(time.advance(seconds(30)), Some(Watermark::at(event(100))));
        assert_eq!(time.advance(seconds(59)), None, "it has been let go of a moment ago");
        // It wakes up far behind, and holds again.
        time.observe(1, Some(event(10)), seconds(59));
        assert_eq!(time.hold(EventTime::MAX, seconds(59)), held(&[0]));
        time.observe(1, Some(event(20)), seconds(80));
        assert_eq!(time.hold(EventTime::MAX, seconds(95)), None, "held for longer than it takes to be idle");
        assert_eq!(time.slowest(seconds(95)), event(20));
    }

    #[test]
    fn other_instances_hold_too_and_let_go_when_they_are_idle() {
        let mut time = drifting();
        for partition in 0..2 {
            time.observe(partition, Some(event(100)), seconds(1));
        }
        assert_eq!(time.hold(event(50), seconds(1)), held(&[0, 1]));
        assert_eq!(time.hold(event(90), seconds(2)), held(&[]));
        assert_eq!(time.hold(event(50), seconds(3)), held(&[0, 1]));
        assert_eq!(time.hold(EventTime::MAX, seconds(4)), held(&[]));
    }

    #[test]
    fn new_partitions_and_a_release_let_go_of_all() {
        let mut time = drifting();
        time.observe(0, Some(event(100)), seconds(1));
        assert_eq!(time.hold(EventTime::MAX, seconds(1)), held(&[0]));
        time.assign(vec!["t/2".into(), "t/1".into(), "t/0".into()], seconds(2));
        assert_eq!(time.hold(EventTime::MAX, seconds(2)), held(&[2]), "it is told anew, by its new number");
        time.release(seconds(3));
        assert_eq!(time.hold(EventTime::MAX, seconds(33)), None, "the others are idle, and it is not held");
    }

    #[test]
    fn without_a_limit_nobody_is_held() {
        let mut time = two_partitions();
        time.observe(0, Some(event(1_000_000)), seconds(1));
        assert_eq!(time.hold(EventTime::MIN, seconds(1)), None);
    }

    /// Whatever the rates, somebody may always be read, and nobody is further ahead than the limit and a batch.
    #[test]
    fn a_race_under_the_limit_never_stands_still() {
        const BATCH: u64 = 3;
        let ends = [50u64, 400, 400, 7];
        let mut time =
            SourceTime::new(TimeRules { max_drift: Some(seconds(10)), ..rules(Some(IDLE)) }, BTreeMap::new(), None);
        time.assign((0..ends.len()).map(|n| n.to_string()).collect(), seconds(0));
        let (mut at, mut waits, mut now) = ([0u64; 4], BTreeSet::new(), 0);
        while at != ends {
            now += 1;
            assert!(now < 100_000, "nobody moves: {at:?}, held {waits:?}");
            // The last ones are served first, which the limit must set right.
            let next = (0..4).rev().find(|p| at[*p] < ends[*p] && !waits.contains(p));
            if let Some(next) = next {
                at[next] = (at[next] + BATCH).min(ends[next]);
                time.observe(next, Some(event(at[next])), seconds(now));
            }
            waits = time.hold(EventTime::MAX, seconds(now)).unwrap_or(waits);
            let running = (0..4).filter(|p| at[*p] < ends[*p]).map(|p| at[p]).min().unwrap_or(400);
            assert!(at[2] <= running + 10 + BATCH, "{at:?}");
        }
    }
}
