//! What goes when room is needed or time has passed. Pure: sizes and times in, a decision out.

use crate::options::WhenFull;

/// What is to be done for a record that does not fit, or that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// There is room.
    Enough,
    /// The oldest segment must go.
    DropOldest,
    /// The segment that is written to must be closed, so that it can go like the others.
    BeginSegment,
    /// There is none and none is made.
    Refuse,
}

/// What the decision needs to know of a spool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling {
    /// Bytes of all segments.
    pub(crate) bytes: u64,
    /// Bytes that are to come.
    pub(crate) incoming: u64,
    pub(crate) max_bytes: u64,
    /// Segments that may go: all but the newest, on which the positions depend.
    pub(crate) droppable: usize,
    /// The newest segment has records.
    pub(crate) newest_is_used: bool,
    /// All records of the newest segment are acknowledged.
    pub(crate) newest_is_done: bool,
}

/// The next step towards room. Segments that are acknowledged whole are gone already.
pub(crate) fn next_step(filling: Filling, when_full: WhenFull) -> Room {
    if filling.bytes.saturating_add(filling.incoming) <= filling.max_bytes {
        return Room::Enough;
    }
    match when_full {
        WhenFull::DropOldest if filling.droppable > 0 => Room::DropOldest,
        WhenFull::DropOldest if filling.newest_is_used => Room::BeginSegment,
        // What is acknowledged goes whatever the policy.
        WhenFull::Refuse if filling.newest_is_used && filling.newest_is_done => Room::BeginSegment,
        _ => Room::Refuse,
    }
}

/// Whether a record is too old at a time of the spool's clock.
pub(crate) fn is_too_old(appended_at_ms: u64, now_ms: u64, max_age_ms: u64) -> bool {
    now_ms.saturating_sub(appended_at_ms) > max_age_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use WhenFull::{DropOldest, Refuse};

    const FULL: Filling =
        Filling { bytes: 90, incoming: 11, max_bytes: 100, droppable: 2, newest_is_used: true, newest_is_done: false };

    #[test]
    fn what_fits_exactly_fits() {
        for when_full in [DropOldest, Refuse] {
            assert_eq!(next_step(Filling { incoming: 10, ..FULL }, when_full), Room::Enough);
            assert_ne!(next_step(FULL, when_full), Room::Enough);
        }
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_last() {
        assert_eq!(next_step(FULL, DropOldest), Room::DropOldest);
        assert_eq!(next_step(Filling { droppable: 0, ..FULL }, DropOldest), Room::BeginSegment);
        let fresh = Filling { droppable: 0, newest_is_used: false, ..FULL };
        assert_eq!(next_step(fresh, DropOldest), Room::Refuse);
    }

    #[test]
    fn a_spool_that_refuses_drops_only_what_is_acknowledged() {
        assert_eq!(next_step(FULL, Refuse), Room::Refuse);
        assert_eq!(next_step(Filling { newest_is_done: true, ..FULL }, Refuse), Room::BeginSegment);
        let fresh = Filling { newest_is_used: false, newest_is_done: true, ..FULL };
        assert_eq!(next_step(fresh, Refuse), Room::Refuse);
    }

    #[test]
    fn a_record_of_exactly_the_age_is_kept() {
        assert!(!is_too_old(10, 110, 100));
        assert!(is_too_old(10, 111, 100));
        assert!(!is_too_old(10, 5, 100));
    }
}
