//! A line and the tracks near it.
//!
//! A track has a side once its foot point was farther from the line than the hysteresis. It has crossed when it has
//! settled on the other side and went through the line between its ends. So whoever stands on the line, trembles, or
//! turns back changes nothing, and whoever walks around an end changes sides without being counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Change, Direction, Event};
use super::place::Line;
use super::polygon::{Point, turn};
use super::{At, Rule, cares};

/// A line with who is before it.
#[derive(Debug)]
pub(super) struct LineWatch {
    pub(super) line: Line,
    name: Arc<str>,
    passers: BTreeMap<u64, Passer>,
}

impl LineWatch {
    pub(super) fn new(line: Line) -> Self {
        let name = line.name.as_str().into();
        Self { line, name, passers: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, at: &At<'_>, rule: &Rule) -> Option<Event> {
        if !cares(&self.line.classes, at.track.class) {
            return None;
        }
        let scaled = |[x, y]: Point| [x * rule.aspect, y];
        let ends = (scaled(self.line.from), scaled(self.line.to));
        let direction = self.passers.entry(at.track.id).or_default().step(at, ends, rule)?;
        let (place, change) = (Arc::clone(&self.name), Change::Cross { direction });
        Some(Event { ts_ms: rule.ts_ms, place, class: at.track.class, track_id: at.track.id, change })
    }

    pub(super) fn end(&mut self, track_id: u64) {
        self.passers.remove(&track_id);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// A track before the line.
#[derive(Debug, Default)]
struct Passer {
    /// Where it has settled.
    side: Option<Side>,
    /// Since when it is beyond the hysteresis on the other side.
    beyond_since_ms: Option<i64>,
    /// The last foot point that was not exactly on the line, and its distance.
    last: Option<(Point, f32)>,
    /// Whether it went between the ends when it last changed sides.
    through: bool,
}

impl Passer {
    fn step(&mut self, at: &At<'_>, (from, to): (Point, Point), rule: &Rule) -> Option<Direction> {
        let length = (to[0] - from[0]).hypot(to[1] - from[1]);
        // Above zero to the right of the line.
        let distance = turn(from, to, at.point) / length;
        if let Some((last, last_distance)) = self.last
            && last_distance * distance < 0.0
        {
            let share = last_distance / (last_distance - distance);
            let met = [0, 1].map(|axis| last[axis] + share * (at.point[axis] - last[axis]));
            let along = (met[0] - from[0]) * (to[0] - from[0]) + (met[1] - from[1]) * (to[1] - from[1]);
            self.through = (0.0..=length * length).contains(&along);
        }
        if distance != 0.0 {
            self.last = Some((at.point, distance));
        }
        self.settle(distance, at.ms, rule)
    }

    fn settle(&mut self, distance: f32, now_ms: i64, rule: &Rule) -> Option<Direction> {
        let side = if distance > 0.0 { Side::Right } else { Side::Left };
        if distance.abs() < rule.hysteresis || distance == 0.0 || self.side == Some(side) {
            self.beyond_since_ms = None;
            return None;
        }
        let Some(before) = self.side else {
            // Whoever is first seen near the line has not crossed it, whichever way it goes then.
            self.side = Some(side);
            return None;
        };
        let since_ms = *self.beyond_since_ms.get_or_insert(now_ms);
        if now_ms - since_ms < rule.settle_ms {
            return None;
        }
        self.side = Some(side);
        self.beyond_since_ms = None;
        let direction = if before == Side::Left { Direction::Forward } else { Direction::Backward };
        std::mem::take(&mut self.through).then_some(direction)
    }
}
