//! Which inputs wait for a barrier. Pure.
//!
//! A barrier is a cut through the stream. An input that has reached it waits until all have: what it sends afterwards
//! belongs to the next epoch. An input that has ended waits for nothing and holds nobody up.

use headwater_core::Barrier;

/// The state of a task's inputs against the barrier under way.
#[derive(Debug)]
pub(crate) struct Alignment {
    inputs: Vec<Input>,
    barrier: Option<Barrier>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    AtBarrier,
    Ended,
}

impl Alignment {
    pub(crate) fn new(inputs: usize) -> Self {
        Alignment { inputs: vec![Input::Open; inputs], barrier: None }
    }

    /// Whether the input may be read.
    pub(crate) fn is_open(&self, input: usize) -> bool {
        self.inputs[input] == Input::Open
    }

    /// Whether every input has ended.
    pub(crate) fn all_ended(&self) -> bool {
        self.inputs.iter().all(|input| *input == Input::Ended)
    }

    /// An input has reached a barrier. Gives the barrier once all have, and opens them again.
    pub(crate) fn reach(&mut self, input: usize, barrier: Barrier) -> Option<Barrier> {
        self.inputs[input] = Input::AtBarrier;
        self.barrier = Some(barrier);
        self.complete()
    }

    /// An input has ended; that may be what the others were waiting for.
    pub(crate) fn end(&mut self, input: usize) -> Option<Barrier> {
        self.inputs[input] = Input::Ended;
        self.complete()
    }

    fn complete(&mut self) -> Option<Barrier> {
        if self.inputs.contains(&Input::Open) {
            return None;
        }
        for input in self.inputs.iter_mut().filter(|input| **input == Input::AtBarrier) {
            *input = Input::Open;
        }
        self.barrier.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Barrier = Barrier { epoch: 1, stop: false };

    #[test]
    fn an_input_at_the_barrier_waits_for_the_others() {
        let mut alignment = Alignment::new(2);
        assert_eq!(alignment.reach(0, FIRST), None);
        assert!(!alignment.is_open(0) && alignment.is_open(1));
        assert_eq!(alignment.reach(1, FIRST), Some(FIRST));
        assert!(alignment.is_open(0) && alignment.is_open(1));
    }

    #[test]
    fn an_ended_input_holds_nobody_up() {
        let mut alignment = Alignment::new(3);
        assert_eq!(alignment.end(0), None);
        assert_eq!(alignment.reach(1, FIRST), None);
        assert_eq!(alignment.end(2), Some(FIRST), "the end of the last open input completes the barrier");
        assert!(!alignment.all_ended());
        assert_eq!(alignment.end(1), None);
        assert!(alignment.all_ended());
    }
}
