//! What happened to a track at a zone or a line.

use std::sync::Arc;

/// Something to count.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The timestamp of the frame that decided it.
    pub ts_ms: i64,
    /// The name of the zone or line.
    pub place: Arc<str>,
    /// What the thing is.
    pub class: u16,
    /// Which it is.
    pub track_id: u64,
    /// What it did.
    pub change: Change,
}

/// What a thing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It came into a zone.
    Enter {
        /// How.
        arrival: Arrival,
        /// How many are in the zone now.
        occupancy: u32,
    },
    /// It left a zone.
    Exit {
        /// How.
        departure: Departure,
        /// How long it was there: until it was seen outside, or until it was last seen.
        dwell_ms: i64,
        /// How many are in the zone now.
        occupancy: u32,
    },
    /// It crossed a line.
    Cross {
        /// Which way.
        direction: Direction,
    },
}

/// How a thing came into a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It was seen outside before.
    Crossed,
    /// It was first seen inside, or was there when the zone was made: it came by the edge of the frame, through a door,
    /// or from behind something. It is an entry as well, so that entries less exits are who is there.
    Appeared,
}

/// How a thing left a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// It was seen outside after.
    Crossed,
    /// Its track ended inside.
    Lost,
}

/// Which way a line was crossed, for one who stands at its `from` and looks to its `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the left to the right. Over a line that is drawn from the top of the picture to its bottom, that is from the
    /// right of the picture to its left.
    Forward,
    /// From the right to the left.
    Backward,
}
