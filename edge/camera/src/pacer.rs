//! Which frames of a stream are taken where fewer are wanted than come; pure.

/// Takes frames at a rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    /// Milliseconds between two frames; 0 takes all.
    interval_ms: f64,
    due_ms: f64,
}

impl Pacer {
    /// So many frames a second at most; all where nothing is said.
    pub(crate) fn new(fps: Option<f64>) -> Self {
        let interval_ms = fps.filter(|fps| *fps > 0.0).map_or(0.0, |fps| 1000.0 / fps);
        Self { interval_ms, due_ms: 0.0 }
    }

    /// How long it is until the next frame is wanted, milliseconds.
    pub(crate) fn due_in_ms(&self, now_ms: u64) -> u64 {
        (self.due_ms - now_ms as f64).max(0.0).ceil() as u64
    }

    /// Whether a frame that comes now is taken. What was missed is not made up.
    pub(crate) fn takes(&mut self, now_ms: u64) -> bool {
        let is_due = self.due_in_ms(now_ms) == 0;
        if is_due {
            self.due_ms = (self.due_ms + self.interval_ms).max(now_ms as f64);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fps: Option<f64>, every_ms: u64) -> Vec<u64> {
        let mut pacer = Pacer::new(fps);
        (0..1000).step_by(every_ms as usize).filter(|&now_ms| pacer.takes(now_ms)).collect()
    }

    #[test]
    fn a_faster_stream_is_thinned_to_the_rate_and_a_slower_one_is_taken_whole() {
        assert_eq!(taken(Some(10.0), 40).len(), 10);
        assert_eq!(taken(Some(3.0), 1).len(), 3);
        assert_eq!(taken(Some(30.0), 40).len(), 25);
        assert_eq!(taken(None, 40).len(), 25);
    }

    #[test]
    fn a_stall_is_not_made_up() {
        let mut pacer = Pacer::new(Some(10.0));
        assert!(pacer.takes(0) && pacer.takes(5000) && !pacer.takes(5000 - 1));
        assert_eq!(pacer.due_in_ms(5000), 0);
        assert!(pacer.takes(5000) && !pacer.takes(5001));
        assert_eq!(pacer.due_in_ms(5001), 99);
    }
}
