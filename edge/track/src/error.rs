//! What a caller can get wrong: an option out of its range, a zone or a line that is none.

/// A setting that cannot be, with its name and value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrackError {
    /// A number is outside of what it may be.
    #[error("{option} must be from {least} to {most}, not {found}")]
    OptionRange { option: &'static str, least: f64, most: f64, found: f64 },
    /// The low confidence is above the high one, or the high one above that at which a track begins.
    #[error("confidence_low ≤ confidence_high ≤ confidence_start must hold, not {low}, {high}, {start}")]
    ConfidenceOrder { low: f32, high: f32, start: f32 },
    /// A zone or a line has no name.
    #[error("a {kind} has no name")]
    NoName { kind: &'static str },
    /// Two zones or two lines share their name.
    #[error("two {kind}s are named {name:?}")]
    NameTwice { kind: &'static str, name: String },
    /// More zones or lines than are kept.
    #[error("{found} {kind}s are more than {most}")]
    TooManyPlaces { kind: &'static str, found: usize, most: usize },
    /// A corner lies outside of the frame, or is no number.
    #[error("{kind} {name:?}: the point ({x}, {y}) is outside of the frame; points are fractions from 0 to 1")]
    PointOutside { kind: &'static str, name: String, x: f32, y: f32 },
    /// A polygon has too few corners, or more than a person draws.
    #[error("zone {name:?} has {found} corners, and a polygon has from 3 to {most}")]
    Corners { name: String, found: usize, most: usize },
    /// Two sides of a polygon cross or touch.
    #[error("zone {name:?} crosses itself: its sides from corner {first} and from corner {second} meet")]
    SelfIntersecting { name: String, first: usize, second: usize },
    /// All corners lie on one line.
    #[error("zone {name:?} has no area")]
    NoArea { name: String },
    /// Both ends are the same point.
    #[error("line {name:?} has no length: both ends are ({x}, {y})")]
    NoLength { name: String, x: f32, y: f32 },
}
