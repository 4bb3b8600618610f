//! Windows as arithmetic over event time: how wide they are, where they begin, and the slices they are made of.
//!
//! A slice is the longest stretch of time that no window boundary cuts: every row falls into one slice, and a window
//! is a run of whole slices. A tumbling window is one slice; a hop of width 60 s and slide 10 s is six; a day that
//! cumulates by the hour is twenty-four, and its windows are the first one of them, the first two, and so on.

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
    /// Windows that the clock gives: tumbling, hopping, cumulating.
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
        Window::Sliced(Slicing::tumble(saturating_nanos(width), 0))
    }

    /// A window for each instant. Over rows that are windowed already it is the window that they are in: all rows of
    /// one have the same event time, and it closes with them.
    pub fn instant() -> Self {
        Window::tumble(Duration::from_nanos(1))
    }

    /// Windows of `width`, one beginning every `slide`.
    pub fn hop(slide: Duration, width: Duration) -> Self {
        Window::Sliced(Slicing::hop(saturating_nanos(slide), saturating_nanos(width), 0))
    }

    /// Windows that begin every `size` and grow by `step` until they are as long.
    pub fn cumulate(step: Duration, size: Duration) -> Self {
        Window::Sliced(Slicing::cumulate(saturating_nanos(step), saturating_nanos(size), 0))
    }
}

/// Windows that the clock gives, aligned to the epoch; all in nanoseconds, lengths positive.
///
/// Without a step `[offset + k·slide, offset + k·slide + width)` for every integer `k`. With one, which divides the
/// width, `slide` is `width` and the windows are `[offset + k·width, offset + k·width + j·step)` for `j` from 1 to
/// `width / step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slicing {
    /// How long a window is, or grows.
    pub width: i64,
    /// How far apart windows begin.
    pub slide: i64,
    /// How far they are shifted from the epoch.
    pub offset: i64,
    /// By how much a window grows that cumulates.
    pub step: Option<i64>,
}

impl Slicing {
    /// Windows of `width`, one after another.
    pub fn tumble(width: i64, offset: i64) -> Self {
        Slicing { width, slide: width, offset, step: None }
    }

    /// Windows of `width`, one beginning every `slide`.
    pub fn hop(slide: i64, width: i64, offset: i64) -> Self {
        Slicing { width, slide, offset, step: None }
    }

    /// Windows that begin every `size` and grow by `step`, a divisor of it.
    pub fn cumulate(step: i64, size: i64, offset: i64) -> Self {
        Slicing { width: size, slide: size, offset, step: Some(step) }
    }

    /// How long a slice is: the step, or the greatest common divisor of width and slide.
    pub fn slice_width(&self) -> i64 {
        self.step.unwrap_or_else(|| gcd(self.width, self.slide))
    }

    /// Where the slice of a row begins.
    pub fn slice_start(&self, event_time: i64) -> i64 {
        floor_to(event_time, self.slice_width(), self.offset)
    }

    /// The number of a slice: neighbours differ by one, and the slice that begins at the offset is 0.
    pub fn slice_number(&self, slice_start: i64) -> i128 {
        (i128::from(slice_start) - i128::from(self.offset)).div_euclid(i128::from(self.slice_width()))
    }

    /// The end of the first window that holds the slice beginning at `slice_start`.
    pub fn first_window_end(&self, slice_start: i64) -> i64 {
        // Windows that hold the slice begin in (slice_end - width - 1, slice_start]; the first begins at the least
        // multiple of the slide that is not before slice_end - width.
        let slice_end = slice_start.saturating_add(self.slice_width());
        if self.step.is_some() {
            return slice_end;
        }
        let earliest = slice_end.saturating_sub(self.width);
        ceil_to(earliest, self.slide, self.offset).saturating_add(self.width)
    }

    /// The end of the last window that holds the slice: once the watermark is there, the slice is of no more use and
    /// a row in it is late.
    pub fn last_window_end(&self, slice_start: i64) -> i64 {
        floor_to(slice_start, self.slide, self.offset).saturating_add(self.width)
    }

    /// The end of the first window that holds the slice and ends after `time`; there must be one.
    pub fn next_window_end(&self, slice_start: i64, time: i64) -> i64 {
        let first = self.first_window_end(slice_start);
        if first > time {
            return first;
        }
        // Windows end as far apart as they begin or grow.
        let apart = self.step.unwrap_or(self.slide);
        floor_to(time, apart, self.offset.saturating_add(self.width)).saturating_add(apart)
    }

    /// Where the window that ends at `end` begins.
    pub fn window_start(&self, end: i64) -> i64 {
        match self.step {
            None => end.saturating_sub(self.width),
            Some(_) => floor_to(end.saturating_sub(1), self.slide, self.offset),
        }
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
            Window::Sliced(Slicing { width, step: Some(step), .. }) => {
                write!(f, "cumulate {:?} by {:?}", nanos(*width), nanos(*step))?;
            }
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

    /// Every window near the epoch, as its start and its end.
    fn windows(slicing: Slicing) -> Vec<(i64, i64)> {
        let step = slicing.step.unwrap_or(slicing.width);
        let starts = (-200..200).map(|k| slicing.offset + k * slicing.slide);
        starts.flat_map(|start| (1..=slicing.width / step).map(move |j| (start, start + j * step))).collect()
    }

    /// The ends of those that hold a slice, in order.
    fn window_ends(slicing: Slicing, slice_start: i64) -> Vec<i64> {
        let slice_end = slice_start + slicing.slice_width();
        let holds = |(start, end): &(i64, i64)| *start <= slice_start && slice_end <= *end;
        let mut ends: Vec<i64> = windows(slicing).into_iter().filter(holds).map(|(_, end)| end).collect();
        ends.sort_unstable();
        ends
    }

    fn slicings() -> impl Iterator<Item = Slicing> {
        let hops = [(10, 10, 0), (60, 10, 0), (7, 3, 0), (3, 7, 0), (10, 10, 3), (6, 4, 1), (4, 6, 0), (5, 20, -3)];
        let cumulates = [(10, 10, 0), (60, 10, 0), (24, 1, 5), (6, 3, -4)];
        let hops = hops.into_iter().map(|(width, slide, offset)| Slicing::hop(slide, width, offset));
        hops.chain(cumulates.into_iter().map(|(size, step, offset)| Slicing::cumulate(step, size, offset)))
    }

    #[test]
    fn first_and_last_window_equal_a_search_over_all_windows() {
        for slicing in slicings() {
            for time in -100..100 {
                let slice = slicing.slice_start(time);
                assert!(slice <= time && time < slice + slicing.slice_width());
                let ends = window_ends(slicing, slice);
                assert_eq!(slicing.in_any_window(slice), !ends.is_empty(), "{slicing:?} {time}");
                if let (Some(first), Some(last)) = (ends.first(), ends.last()) {
                    assert_eq!(slicing.first_window_end(slice), *first, "{slicing:?} {time}");
                    assert_eq!(slicing.last_window_end(slice), *last, "{slicing:?} {time}");
                }
                for after in -120..120 {
                    if let Some(next) = ends.iter().find(|end| **end > after) {
                        assert_eq!(slicing.next_window_end(slice, after), *next, "{slicing:?} {time} {after}");
                    }
                }
            }
        }
    }

    #[test]
    fn windows_are_known_by_their_ends_and_slices_by_their_numbers() {
        for slicing in slicings() {
            for (start, end) in windows(slicing) {
                assert_eq!(slicing.window_start(end), start, "{slicing:?} {end}");
            }
            for number in -50..50 {
                let start = slicing.offset + number * slicing.slice_width();
                assert_eq!(slicing.slice_number(start), i128::from(number), "{slicing:?}");
            }
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for slicing in [Slicing::hop(10, 60, 3), Slicing::cumulate(10, 60, 3)] {
            for time in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
                let slice = slicing.slice_start(time);
                let _ = (slicing.first_window_end(slice), slicing.last_window_end(slice));
                let _ = (slicing.next_window_end(slice, time), slicing.window_start(time), slicing.slice_number(slice));
            }
        }
    }
}
