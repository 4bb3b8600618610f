//! A zone and the tracks in and around it.
//!
//! A track is inside once its foot point was deeper in the zone than the hysteresis for the time that it takes to
//! settle, and outside again once it was as far out for as long. In between nothing changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Arrival, Change, Departure, Event};
use super::place::Zone;
use super::polygon::Polygon;
use super::{At, Rule, cares};

/// A zone with who is in it.
#[derive(Debug)]
pub(super) struct ZoneWatch {
    pub(super) zone: Zone,
    name: Arc<str>,
    /// The zone in frame heights, for frames of this width over height.
    shape: Option<(f32, Polygon)>,
    /// How many are in it now.
    pub(super) occupancy: u32,
    visitors: BTreeMap<u64, Visitor>,
}

impl ZoneWatch {
    pub(super) fn new(zone: Zone) -> Self {
        let name = zone.name.as_str().into();
        Self { zone, name, shape: None, occupancy: 0, visitors: BTreeMap::new() }
    }

    pub(super) fn set_aspect(&mut self, aspect: f32) {
        if self.shape.as_ref().is_none_or(|(measured, _)| *measured != aspect) {
            let corners = self.zone.polygon.iter().map(|&[x, y]| [x * aspect, y]).collect();
            self.shape = Some((aspect, Polygon::new(corners)));
        }
    }

    pub(super) fn see(&mut self, at: &At<'_>, rule: &Rule) -> Option<Event> {
        let (_, polygon) = self.shape.as_ref()?;
        if !cares(&self.zone.classes, at.track.class) {
            return None;
        }
        let hysteresis = rule.hysteresis.min(0.5 * polygon.depth());
        let inwards = polygon.inwards(at.point);
        let beyond = (inwards.abs() >= hysteresis).then_some(inwards > 0.0);
        let visitor = self.visitors.entry(at.track.id).or_default();
        visitor.class = at.track.class;
        let change = match visitor.step(beyond, at.ms, rule.settle_ms)? {
            Step::Entered(arrival) => {
                self.occupancy += 1;
                Change::Enter { arrival, occupancy: self.occupancy }
            }
            Step::Left { dwell_ms } => self.leave(Departure::Crossed, dwell_ms),
        };
        let place = Arc::clone(&self.name);
        Some(Event { ts_ms: rule.ts_ms, place, class: at.track.class, track_id: at.track.id, change })
    }

    /// The track has ended; it was last seen at `last_ms`.
    pub(super) fn end(&mut self, track_id: u64, last_ms: i64, ts_ms: i64) -> Option<Event> {
        let visitor = self.visitors.remove(&track_id)?;
        let since_ms = visitor.inside_since_ms?;
        // Whoever was out already, if not for long enough, did not come back any more.
        let change = match visitor.beyond_since_ms {
            Some(out_ms) => self.leave(Departure::Crossed, out_ms - since_ms),
            None => self.leave(Departure::Lost, last_ms - since_ms),
        };
        Some(Event { ts_ms, place: Arc::clone(&self.name), class: visitor.class, track_id, change })
    }

    fn leave(&mut self, departure: Departure, dwell_ms: i64) -> Change {
        self.occupancy -= 1;
        Change::Exit { departure, dwell_ms, occupancy: self.occupancy }
    }
}

/// What a step did.
enum Step {
    Entered(Arrival),
    Left { dwell_ms: i64 },
}

/// A track that the zone has seen, in it or not.
#[derive(Debug, Default)]
struct Visitor {
    class: u16,
    inside_since_ms: Option<i64>,
    /// Since when it has been beyond the border, on the other side than it counts for.
    beyond_since_ms: Option<i64>,
    /// Whether it was ever seen outside.
    was_outside: bool,
}

impl Visitor {
    /// `beyond` says on which side of the border the track is, where it is far enough from it: `true` inside.
    fn step(&mut self, beyond: Option<bool>, now_ms: i64, settle_ms: i64) -> Option<Step> {
        let counts_inside = self.inside_since_ms.is_some();
        let Some(is_inside) = beyond.filter(|is_inside| *is_inside != counts_inside) else {
            self.was_outside |= beyond == Some(false);
            self.beyond_since_ms = None;
            return None;
        };
        let since_ms = *self.beyond_since_ms.get_or_insert(now_ms);
        if now_ms - since_ms < settle_ms {
            return None;
        }
        self.beyond_since_ms = None;
        if is_inside {
            self.inside_since_ms = Some(since_ms);
            return Some(Step::Entered(if self.was_outside { Arrival::Crossed } else { Arrival::Appeared }));
        }
        self.was_outside = true;
        let entered_ms = self.inside_since_ms.take()?;
        Some(Step::Left { dwell_ms: since_ms - entered_ms })
    }
}
