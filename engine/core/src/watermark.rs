//! The watermark: a promise that no row older than it will come, and how the promises of several inputs make one.
//!
//! An input that has nothing to say is *idle*: it stops holding the others back. When all are idle the furthest of
//! them leads, so that a source which moves its time on with the clock closes the last windows.

use crate::time::EventTime;

/// "Every row still to come has an event time of at least `time`", and whether the sender is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// No later row is older than this.
    pub time: EventTime,
    /// The sender has had no rows for a while: who merges inputs need not wait for it.
    pub idle: bool,
}

impl Watermark {
    /// Before anything was read.
    pub const START: Watermark = Watermark { time: EventTime::MIN, idle: false };
    /// After a bounded input has ended.
    pub const END: Watermark = Watermark { time: EventTime::MAX, idle: false };

    /// The watermark of a sender that is awake.
    pub fn at(time: EventTime) -> Self {
        Watermark { time, idle: false }
    }

    /// The watermark of a sender that has gone quiet.
    pub fn idle_at(time: EventTime) -> Self {
        Watermark { time, idle: true }
    }
}

/// The merge of several inputs' watermarks: the least of those that are awake; never goes back.
#[derive(Clone, Debug)]
pub struct WatermarkMerge {
    inputs: Vec<Watermark>,
    merged: Watermark,
}

impl WatermarkMerge {
    /// A merge of `inputs` inputs, each of which has said nothing yet.
    pub fn new(inputs: usize) -> Self {
        WatermarkMerge { inputs: vec![Watermark::START; inputs], merged: Watermark::START }
    }

    /// A merge that goes on from a checkpoint: its inputs have said nothing, and it does not go back behind `time`.
    pub fn restored(inputs: usize, time: EventTime) -> Self {
        WatermarkMerge { merged: Watermark::at(time), ..Self::new(inputs) }
    }

    /// Takes what input number `input` says, and gives the new merged watermark if it changed.
    pub fn update(&mut self, input: usize, watermark: Watermark) -> Option<Watermark> {
        let known = self.inputs.get_mut(input)?;
        *known = Watermark { time: known.time.max(watermark.time), idle: watermark.idle };
        self.merge()
    }

    /// Takes one more input into the merge and gives its number. It holds the others back until it speaks.
    pub fn add_input(&mut self) -> usize {
        self.inputs.push(Watermark::START);
        self.inputs.len() - 1
    }

    /// The merged watermark as it stands.
    pub fn current(&self) -> Watermark {
        self.merged
    }

    fn merge(&mut self) -> Option<Watermark> {
        let awake = self.inputs.iter().filter(|w| !w.idle).map(|w| w.time).min();
        let next = match awake {
            Some(time) => Watermark::at(time.max(self.merged.time)),
            None => {
                let furthest = self.inputs.iter().map(|w| w.time).max().unwrap_or(EventTime::MIN);
                Watermark::idle_at(furthest.max(self.merged.time))
            }
        };
        (next != self.merged).then(|| {
            self.merged = next;
            next
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: i64) -> Watermark {
        Watermark::at(EventTime(time))
    }

    #[test]
    fn the_slowest_input_leads() {
        let mut merge = WatermarkMerge::new(2);
        assert_eq!(merge.update(0, at(10)), None);
        assert_eq!(merge.update(1, at(5)), Some(at(5)));
        assert_eq!(merge.update(1, at(20)), Some(at(10)));
    }

    #[test]
    fn an_idle_input_holds_nothing_back_and_all_idle_take_the_furthest() {
        let mut merge = WatermarkMerge::new(2);
        merge.update(0, at(10));
        assert_eq!(merge.update(1, Watermark::idle_at(EventTime::MIN)), Some(at(10)));
        assert_eq!(merge.update(0, Watermark::idle_at(EventTime(12))), Some(Watermark::idle_at(EventTime(12))));
    }

    #[test]
    fn never_goes_back_when_a_slow_input_wakes() {
        let mut merge = WatermarkMerge::new(2);
        merge.update(0, at(10));
        merge.update(1, Watermark::idle_at(EventTime::MIN));
        assert_eq!(merge.update(1, at(3)), None);
        assert_eq!(merge.current(), at(10));
    }

    #[test]
    fn an_added_input_holds_back_until_it_speaks() {
        let mut merge = WatermarkMerge::new(1);
        merge.update(0, at(10));
        let added = merge.add_input();
        assert_eq!(merge.update(0, at(30)), None);
        assert_eq!(merge.update(added, at(20)), Some(at(20)));
    }
}
