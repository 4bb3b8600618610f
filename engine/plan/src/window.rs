//! Windows as arithmetic over event time: how wide they are, where they begin, and the slices they are made of.
//!
//! A slice is the longest stretch of time that no window boundary cuts: every row falls into one slice, and a window
//! is a run of whole slices. A tumbling window is one slice; a hop of width 60 s and slide 10 s is six.

use std::fmt;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use headwater_core::time::{EventTime, saturating_nanos};

/// The type of a window as a value: a struct of `start` and `end`, timestamps in nanoseconds that are never null.
pub fn window_type() -> DataType {
    let bound = |name| Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, None), false);
    DataType::Struct(Fields::from(vec![bound("start"), bound("end")]))
}

/// What a window looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Fixed windows, one beginning every `slide`; a tumbling window where `slide == width`.
    Sliced(Slicing),
    /// Windows of one key that grow while rows come less than `gap` apart.
    Session {
        /// A row at least this much after the last one begins a new session.
        gap: Duration,
    },
}

impl Window {
    /// Windows of `width`, one after another.
    pub fn tumble(width: Duration) -> Self {
        Window::Sliced(Slicing { width: saturating_nanos(width), slide: saturating_nanos(width), offset: 0 })
    }

    /// A window for each instant. Over rows that are windowed already it is the window that they are in: all rows of
    /// one have the same event time, and it closes with them.
    pub fn instant() -> Self {
        Window::tumble(Duration::from_nanos(1))
    }

    /// Windows of `width`, one beginning every `slide`.
    pub fn hop(slide: Duration, width: Duration) -> Self {
        Window::Sliced(Slicing { width: saturating_nanos(width), slide: saturating_nanos(slide), offset: 0 })
    }
}

/// Fixed windows: `[offset + k·slide, offset + k·slide + width)` for every integer `k`. All in nanoseconds, aligned to
/// the epoch; `width` and `slide` are positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slicing {
    /// How long a window is.
    pub width: i64,
    /// How far apart windows begin.
    pub slide: i64,
    /// How far they are shifted from the epoch.
    pub offset: i64,
}

impl Slicing {
    /// How long a slice is: the greatest common divisor of width and slide.
    pub fn slice_width(&self) -> i64 {
        gcd(self.width, self.slide)
    }

    /// Where the slice of a row begins.
    pub fn slice_start(&self, event_time: i64) -> i64 {
        floor_to(event_time, self.slice_width(), self.offset)
    }

    /// The end of the first window that holds the slice beginning at `slice_start`.
    pub fn first_window_end(&self, slice_start: i64) -> i64 {
        // Windows that hold the slice begin in (slice_end - width - 1, slice_start]; the first begins at the least
        // multiple of the slide that is not before slice_end - width.
        let slice_end = slice_start.saturating_add(self.slice_width());
        let earliest = slice_end.saturating_sub(self.width);
        ceil_to(earliest, self.slide, self.offset).saturating_add(self.width)
    }

    /// The end of the last window that holds the slice: once the watermark is there, the slice is of no more use and
    /// a row in it is late.
    pub fn last_window_end(&self, slice_start: i64) -> i64 {
        floor_to(slice_start, self.slide, self.offset).saturating_add(self.width)
    }

    /// Whether any window holds the slice. A slide longer than the width leaves gaps.
    pub fn in_any_window(&self, slice_start: i64) -> bool {
        self.last_window_end(slice_start) > slice_start
    }
}

/// The greatest multiple of `step` (shifted by `offset`) that is at most `value`.
fn floor_to(value: i64, step: i64, offset: i64) -> i64 {
    let shifted = value.saturating_sub(offset);
    value.saturating_sub(shifted.rem_euclid(step))
}

fn ceil_to(value: i64, step: i64, offset: i64) -> i64 {
    let floor = floor_to(value, step, offset);
    if floor == value { value } else { floor.saturating_add(step) }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = |n: i64| Duration::from_nanos(n.unsigned_abs());
        match self {
            window if *window == Window::instant() => f.write_str("the window of its input")?,
            Window::Sliced(s) if s.width == s.slide => write!(f, "tumble {:?}", nanos(s.width))?,
            Window::Sliced(s) => write!(f, "hop {:?} every {:?}", nanos(s.width), nanos(s.slide))?,
            Window::Session { gap } => write!(f, "session {gap:?}")?,
        }
        match self {
            Window::Sliced(s) if s.offset != 0 => write!(f, " from {}", EventTime(s.offset)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every window end for a slice, found by looking at every window near it.
    fn window_ends(slicing: Slicing, slice_start: i64) -> Vec<i64> {
        let slice_end = slice_start + slicing.slice_width();
        (-200..200)
            .map(|k| slicing.offset + k * slicing.slide)
            .filter(|start| *start <= slice_start && slice_end <= start + slicing.width)
            .map(|start| start + slicing.width)
            .collect()
    }

    #[test]
    fn first_and_last_window_equal_a_search_over_all_windows() {
        for (width, slide, offset) in
            [(10, 10, 0), (60, 10, 0), (7, 3, 0), (3, 7, 0), (10, 10, 3), (6, 4, 1), (4, 6, 0), (5, 20, -3)]
        {
            let slicing = Slicing { width, slide, offset };
            for time in -100..100 {
                let slice = slicing.slice_start(time);
                assert!(slice <= time && time < slice + slicing.slice_width());
                let ends = window_ends(slicing, slice);
                assert_eq!(slicing.in_any_window(slice), !ends.is_empty(), "{slicing:?} {time}");
                if let (Some(first), Some(last)) = (ends.first(), ends.last()) {
                    assert_eq!(slicing.first_window_end(slice), *first, "{slicing:?} {time}");
                    assert_eq!(slicing.last_window_end(slice), *last, "{slicing:?} {time}");
                }
            }
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let slicing = Slicing { width: 60, slide: 10, offset: 0 };
        for time in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let slice = slicing.slice_start(time);
            let _ = (slicing.first_window_end(slice), slicing.last_window_end(slice));
        }
    }
}
