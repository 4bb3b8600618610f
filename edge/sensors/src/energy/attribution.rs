//! Which part of the box's energy a detection is charged with. Pure: joules and busy times come in.
//!
//! A counter of the processor counts everything that runs on it and its idle draw. The rule is that of a shared flat:
//! what was consumed while somebody was at work is divided among all who were, by how busy each was. Nothing is charged
//! for time in which no detection ran, nothing twice, and never more than was counted.

/// Charges detections that overlap: time is cut where one begins or ends, and each piece is [`share`]d among those that
/// ran in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attribution {
    running: Vec<Running>,
    next: u64,
}

/// A detection that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

#[derive(Clone, Debug)]
struct Running {
    id: SpanId,
    threads: f64,
    /// Nothing once a piece of it was not measured.
    joules: Option<f64>,
}

impl Attribution {
    /// A detection begins, on so many threads. The piece before must have been [advanced](Attribution::advance).
    pub(crate) fn begin(&mut self, threads: usize) -> SpanId {
        let id = SpanId(self.next);
        self.next += 1;
        self.running.push(Running { id, threads: threads.max(1) as f64, joules: Some(0.0) });
        id
    }

    /// A piece of time has passed. `joules` were consumed in it, where that is known; `machine_busy_cores` is how many
    /// cores were busy with anything, on the mean of a while, where that is known. Gives the joules that are charged to
    /// no detection: of idle time, and of everything else on the machine.
    pub(crate) fn advance(&mut self, joules: Option<f64>, machine_busy_cores: Option<f64>) -> f64 {
        let Some(joules) = joules else {
            self.running.iter_mut().for_each(|running| running.joules = None);
            return 0.0;
        };
        let threads: Vec<f64> = self.running.iter().map(|running| running.threads).collect();
        let parts = share(joules, &threads, machine_busy_cores);
        let charged_joules: f64 = parts.iter().sum();
        for (running, part) in self.running.iter_mut().zip(parts) {
            running.joules = running.joules.map(|joules| joules + part);
        }
        joules - charged_joules
    }

    /// A detection has ended; the piece before must have been advanced. Gives its joules; nothing where a piece of it
    /// was not measured, or where there is no such detection.
    pub(crate) fn finish(&mut self, id: SpanId) -> Option<f64> {
        let index = self.running.iter().position(|running| running.id == id)?;
        self.running.swap_remove(index).joules
    }
}

/// Divides the joules of an interval by busy time. `machine_busy_s` is how long all processors together were busy with
/// anything, these included; where it is not known, or is less than these alone because its ticks are coarse, all of it
/// is theirs. What is left is the part of everything else.
fn share(joules: f64, busy_s: &[f64], machine_busy_s: Option<f64>) -> Vec<f64> {
    let own_busy_s: f64 = busy_s.iter().sum();
    let all_busy_s = machine_busy_s.unwrap_or(0.0).max(own_busy_s);
    // Without any busy time there is nobody to charge.
    let joules_per_busy_s = if all_busy_s > 0.0 { joules / all_busy_s } else { 0.0 };
    busy_s.iter().map(|busy_s| joules_per_busy_s * busy_s).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_interval_is_divided_by_busy_time() {
        assert_eq!(share(10.0, &[1.0, 3.0], None), [2.5, 7.5]);
        assert_eq!(share(10.0, &[1.0, 3.0], Some(8.0)), [1.25, 3.75]);
        assert_eq!(share(10.0, &[1.0, 3.0], Some(3.99)), [2.5, 7.5], "coarse ticks");
        assert_eq!(share(10.0, &[0.0], None), [0.0]);
        assert!(share(10.0, &[], Some(2.0)).is_empty());
    }

    #[test]
    fn detections_that_overlap_share_what_they_overlap_in() {
        let mut attribution = Attribution::default();
        assert_eq!(attribution.advance(Some(100.0), None), 100.0, "idle time");
        let first = attribution.begin(1);
        assert_eq!(attribution.advance(Some(4.0), None), 0.0);
        let second = attribution.begin(3);
        assert_eq!(attribution.advance(Some(8.0), None), 0.0);
        assert_eq!(attribution.finish(first), Some(6.0));
        assert_eq!(attribution.advance(Some(5.0), Some(5.0)), 2.0, "what else ran");
        assert_eq!(attribution.finish(second), Some(9.0));
        assert_eq!(attribution.finish(second), None, "it has ended");
    }

    #[test]
    fn a_detection_of_which_a_piece_was_not_measured_is_unknown() {
        let mut attribution = Attribution::default();
        let first = attribution.begin(1);
        attribution.advance(Some(1.0), None);
        attribution.advance(None, None);
        let second = attribution.begin(1);
        attribution.advance(Some(1.0), None);
        assert_eq!((attribution.finish(first), attribution.finish(second)), (None, Some(0.5)));
    }

    #[derive(Clone, Debug)]
    enum Event {
        Begin(usize),
        Advance(f64, Option<f64>),
        Finish(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (1_usize..9).prop_map(Event::Begin),
            (0.0_f64..100.0, prop::option::of(0.0_f64..16.0)).prop_map(|(joules, busy)| Event::Advance(joules, busy)),
            (0_usize..4).prop_map(Event::Finish),
        ]
    }

    proptest! {
        #[test]
        fn every_joule_is_charged_once(events in prop::collection::vec(event(), 0..60)) {
            let mut attribution = Attribution::default();
            let (mut open, mut counted, mut charged) = (Vec::new(), 0.0, 0.0);
            let mut rest = 0.0;
            for event in events {
                match event {
                    Event::Begin(threads) => open.push(attribution.begin(threads)),
                    Event::Advance(joules, busy_cores) => {
                        counted += joules;
                        let rest_of_piece = attribution.advance(Some(joules), busy_cores);
                        prop_assert!(rest_of_piece >= -1e-9);
                        rest += rest_of_piece;
                    }
                    Event::Finish(index) if index < open.len() => {
                        let joules = attribution.finish(open.remove(index)).unwrap();
                        prop_assert!(joules >= 0.0);
                        charged += joules;
                    }
                    Event::Finish(_) => {}
                }
            }
            charged += open.into_iter().filter_map(|id| attribution.finish(id)).sum::<f64>();
            prop_assert!((charged + rest - counted).abs() < 1e-6);
            prop_assert!(rest >= -1e-6);
        }
    }
}
