//! headwater-track: from the boxes of single frames to things that stay themselves, and from those to counts.
//!
//! A [`Tracker`] takes what a detector saw in a frame, as [`Sighting`]s, and says which of them are the same thing as
//! before. A [`Counter`] takes the tracks and says who entered or left a [`Zone`] and who crossed a [`Line`].
//!
//! # What is promised
//!
//! - Time is an argument, in milliseconds, and everything is reckoned in it and not in frames: a camera may give thirty
//!   frames a second or one, at uneven intervals. A clock that jumps back costs nothing but the time it jumped; one that
//!   jumps forward by more than a track is kept ends the tracks.
//! - An id is given to one thing, and never again by the same tracker. A sighting without an id is one that is not yet
//!   believed, or that belongs to no thing: a second box, one too unsure to begin a track, one that is no box or beyond
//!   the surest 256. It is counted nowhere; where a thing was first seen is counted once it is believed.
//! - Whatever comes in, memory is bounded and nothing panics: numbers that are no boxes are passed over, of a frame's
//!   sightings the surest 256 are looked at, and 256 tracks are kept.
//! - For every zone `entries − exits = occupancy`, always, also over a change of the zone.
//! - Options, zones and lines can be replaced at any time without losing tracks, or who is in what stays the same.
//!
//! # Calling it
//!
//! ```
//! use headwater_track::{Change, CountOptions, Counter, Direction, Line, Sighting, TrackOptions, Tracker};
//!
//! let mut tracker = Tracker::new(TrackOptions::default())?;
//! let line = Line { name: "door".into(), from: [0.5, 0.0], to: [0.5, 1.0], classes: vec![] };
//! let mut counter = Counter::new(&[], &[line], CountOptions::default())?;
//! let mut events = Vec::new();
//! for frame in 0..30 {
//!     let (ts_ms, x) = (frame * 100, 20.0 * frame as f32);
//!     let person = Sighting { class: 0, confidence: 0.8, x1: x, y1: 100.0, x2: x + 40.0, y2: 200.0 };
//!     let tracking = tracker.update(ts_ms, &[person]);
//!     events.extend(counter.update(ts_ms, &tracking.tracks, [640, 480]));
//! }
//! let changes: Vec<Change> = events.iter().map(|event| event.change).collect();
//! assert_eq!(changes, [Change::Cross { direction: Direction::Backward }]);
//! # Ok::<(), headwater_track::TrackError>(())
//! ```
//!
//! # How well
//!
//! `tests/truth` holds it to drawn scenes and to `footage/vtest-a.mp4`, which was followed by eye: nine people, two of
//! whom leave and come back, who meet, pass and hide each other around a signpost. All 23 crossings of two lines are
//! counted at their time and in their direction, at ten, five and two frames a second. Identities are worse than counts:
//! where three people stand behind one another their ids change places, because motion alone cannot tell who comes out on
//! which side. The colours of clothes were tried as a second witness and changed no count and hardly an identity. At one
//! frame a second people who walk in a crowd are no longer followed.
//!
//! Who leaves the picture and is back at the same place within [`TrackOptions::lost_ms`] is taken for one who was hidden.
//!
//! Not here: pixels, the appearance of things, any clock, file, thread or randomness.

mod assign;
mod clock;
mod count;
mod error;
mod motion;
mod options;
mod rectangle;
mod sighting;
mod tracker;

pub use count::Counter;
pub use count::event::{Arrival, Change, Departure, Direction, Event};
pub use count::place::{Line, Zone};
pub use error::TrackError;
pub use options::{CountOptions, TrackOptions};
pub use sighting::{Sighting, Track, Tracking};
pub use tracker::Tracker;
