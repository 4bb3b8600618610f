//! What goes into a tracker and what comes out.

use crate::rectangle::Rectangle;

/// A coordinate beyond this is no pixel of any camera.
const COORDINATE_MAX: f32 = 1.0e6;
/// A box that is narrower or lower than this, in pixels, shows nothing.
const SIDE_MIN: f32 = 1.0e-3;
/// And so does one whose sides are so few steps of its coordinates: they would vanish when its middle is taken.
const SIDE_STEPS_MIN: f32 = 8.0;

/// One thing that a detector saw in one frame. Coordinates in pixels, `x1 < x2`, `y1 < y2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// What it is, in the detector's numbering. Only things of one class are ever the same thing.
    pub class: u16,
    /// How sure the detector is, 0 to 1.
    pub confidence: f32,
    /// Left.
    pub x1: f32,
    /// Top.
    pub y1: f32,
    /// Right.
    pub x2: f32,
    /// Bottom.
    pub y2: f32,
}

impl Sighting {
    /// The box, unless the numbers are none: not finite, next to nothing wide or high, or far outside of any frame.
    pub(crate) fn rectangle(&self) -> Option<Rectangle> {
        let corners = [self.x1, self.y1, self.x2, self.y2];
        let believable = corners.iter().all(|corner| corner.abs() <= COORDINATE_MAX);
        let rectangle = Rectangle { x1: self.x1, y1: self.y1, x2: self.x2, y2: self.y2 };
        let farthest = corners.iter().fold(0.0, |most: f32, corner| most.max(corner.abs()));
        let side_min = SIDE_MIN.max(SIDE_STEPS_MIN * f32::EPSILON * farthest);
        let has_sides = rectangle.width() >= side_min && rectangle.height() >= side_min;
        (believable && !self.confidence.is_nan() && has_sides).then_some(rectangle)
    }
}

/// One thing over time, as it stands after a frame. Coordinates in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Its name: from 1 upwards, never given twice by one tracker.
    pub id: u64,
    /// What it is.
    pub class: u16,
    /// Left of the box: smoothed while it is seen, and where it should be while it is not. May lie outside of the frame.
    pub x1: f32,
    /// Top.
    pub y1: f32,
    /// Right.
    pub x2: f32,
    /// Bottom.
    pub y2: f32,
    /// Whether this frame shows it. Where it is not seen, its box is a guess, and nothing should be counted by a guess.
    pub seen: bool,
    /// Since its first sighting.
    pub age_ms: i64,
    /// Its foot point when it was first seen, before it had an id.
    pub origin: [f32; 2],
}

impl Track {
    /// Where it stands: the middle of the lower edge of its box, in pixels.
    pub fn foot(&self) -> [f32; 2] {
        [0.5 * (self.x1 + self.x2), self.y2]
    }
}

/// What a tracker says of a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tracking {
    /// The id of each sighting, in the order in which they were given. `None` is for one that is not yet believed, and for
    /// one that belongs to no thing: a second box, one too unsure to begin a track, one that is no box or beyond the
    /// surest 256.
    pub ids: Vec<Option<u64>>,
    /// Every thing that has an id and has not ended, seen in this frame or not, by id. One that is no longer here has
    /// ended for good.
    pub tracks: Vec<Track>,
}
