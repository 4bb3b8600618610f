//! How far the instances of one source are, so that none runs too far ahead of another's slowest partition.
//!
//! Each says where its slowest partition is, and hears when another one has. Who has nothing to say any more, being idle
//! or at its end, says the end of time, and who has not begun yet the beginning.

use headwater_core::EventTime;
use tokio::sync::watch;

/// One instance's place among the others.
#[derive(Debug)]
pub(crate) struct Pace {
    instance: usize,
    slowest: watch::Sender<Vec<EventTime>>,
    changes: watch::Receiver<Vec<EventTime>>,
}

impl Pace {
    /// The places of all instances of a source.
    pub(crate) fn of(instances: usize) -> Vec<Pace> {
        let slowest = watch::Sender::new(vec![EventTime::MIN; instances]);
        let place = |instance| Pace { instance, slowest: slowest.clone(), changes: slowest.subscribe() };
        (0..instances).map(place).collect()
    }

    /// Says where this instance's slowest partition is; gives the slowest of all.
    pub(crate) fn say(&mut self, time: EventTime) -> EventTime {
        let instance = self.instance;
        self.slowest.send_if_modified(|slowest| {
            let changed = slowest[instance] != time;
            slowest[instance] = time;
            changed
        });
        self.changes.borrow_and_update().iter().copied().min().unwrap_or(EventTime::MAX)
    }

    /// Waits until an instance has said something new. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        // This place has a sender itself, so they are never all gone.
        let _ = self.changes.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn the_slowest_of_all_counts_and_changes_are_heard() {
        let mut places = Pace::of(2);
        let (mut one, mut other) = (places.remove(0), places.remove(0));
        assert_eq!(one.say(EventTime(5)), EventTime::MIN, "the other has not begun");
        assert!(other.changed().now_or_never().is_some());
        assert_eq!(other.say(EventTime(3)), EventTime(3));
        assert!(one.changed().now_or_never().is_some());
        assert_eq!(one.say(EventTime(5)), EventTime(3));
        assert!(other.changed().now_or_never().is_none(), "nothing new was said");
        assert_eq!(other.say(EventTime::MAX), EventTime(5));
    }
}
