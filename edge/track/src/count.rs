//! Counting: who entered a zone, who left it and after how long, who crossed a line and which way.
//!
//! Foot points are judged only in frames that show the thing; a forecast is no evidence. A thing counts from where it
//! was first seen, also if it was believed only later. Distances are measured in frame heights, so that neither another
//! resolution nor the shape of the frame makes a difference.

pub(crate) mod event;
mod line;
pub(crate) mod place;
mod polygon;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Clock;
use crate::error::TrackError;
use crate::options::CountOptions;
use crate::sighting::Track;
use event::Event;
use line::LineWatch;
use place::{Line, Zone};
use zone::ZoneWatch;

/// Counts the tracks of one camera, event by event; sums are the caller's.
#[derive(Debug)]
pub struct Counter {
    options: CountOptions,
    clock: Clock,
    now_ms: i64,
    /// When each track that is alive was last seen.
    last_seen_ms: BTreeMap<u64, i64>,
    zones: Vec<ZoneWatch>,
    /// Zones that have been changed or taken away since the last frame, with who was in them.
    gone: Vec<ZoneWatch>,
    lines: Vec<LineWatch>,
}

impl Counter {
    /// A counter that has seen nothing.
    ///
    /// # Errors
    /// A zone, a line or an option that cannot be, by name.
    pub fn new(zones: &[Zone], lines: &[Line], options: CountOptions) -> Result<Self, TrackError> {
        let mut counter = Self {
            options,
            clock: Clock::default(),
            now_ms: 0,
            last_seen_ms: BTreeMap::new(),
            zones: Vec::new(),
            gone: Vec::new(),
            lines: Vec::new(),
        };
        counter.set_places(zones, lines, options)?;
        Ok(counter)
    }

    /// Goes on with other zones, lines and options. A zone or line that is the same as before, by its name and all it
    /// says, keeps who is in it or before it; one that changed begins anew. Whoever was in a zone that changed, or is there no
    /// more, is lost to it with the next frame, and whoever stands in a new one has appeared in it.
    ///
    /// # Errors
    /// As [`Counter::new`]; nothing changes then.
    pub fn set_places(&mut self, zones: &[Zone], lines: &[Line], options: CountOptions) -> Result<(), TrackError> {
        options.validate()?;
        place::validate(zones, lines)?;
        let mut kept = std::mem::take(&mut self.zones);
        for zone in zones {
            let same = kept.iter().position(|watch| watch.zone == *zone);
            self.zones.push(same.map_or_else(|| ZoneWatch::new(zone.clone()), |index| kept.swap_remove(index)));
        }
        self.gone.append(&mut kept);
        let mut kept = std::mem::take(&mut self.lines);
        for line in lines {
            let same = kept.iter().position(|watch| watch.line == *line);
            self.lines.push(same.map_or_else(|| LineWatch::new(line.clone()), |index| kept.swap_remove(index)));
        }
        self.options = options;
        Ok(())
    }

    /// Takes [`Tracking::tracks`](crate::Tracking::tracks) of a frame that was taken at `ts_ms` and is `frame` pixels
    /// wide and high. A track that is not among them any more has ended, and left the zones it was in. Events come in
    /// the order of track ids, those of zones that are gone first and then those of tracks that have ended.
    pub fn update(&mut self, ts_ms: i64, tracks: &[Track], frame: [u32; 2]) -> Vec<Event> {
        self.now_ms = self.clock.advance(ts_ms);
        let mut events = Vec::new();
        for mut watch in std::mem::take(&mut self.gone) {
            events.extend(self.last_seen_ms.iter().filter_map(|(&id, &last_ms)| watch.end(id, last_ms, ts_ms)));
        }
        self.end_others(ts_ms, tracks, &mut events);
        // A frame without a size shows nothing.
        let [width, height] = frame.map(|pixels| pixels.max(1) as f32);
        for watch in &mut self.zones {
            watch.set_aspect(width / height);
        }
        let hysteresis = self.options.hysteresis;
        for track in tracks.iter().filter(|track| track.seen) {
            let scaled = |point: [f32; 2]| point.map(|pixels| pixels / height);
            let foot = At { track, point: scaled(track.foot()), ms: self.now_ms };
            let is_new = self.last_seen_ms.insert(track.id, self.now_ms).is_none();
            let origin = At { track, point: scaled(track.origin), ms: self.now_ms.saturating_sub(track.age_ms) };
            let path = [is_new.then_some(origin), Some(foot)];
            let rule = Rule { ts_ms, aspect: width / height, hysteresis, settle_ms: self.options.settle_ms };
            for at in path.iter().flatten() {
                events.extend(self.zones.iter_mut().filter_map(|watch| watch.see(at, &rule)));
                events.extend(self.lines.iter_mut().filter_map(|watch| watch.see(at, &rule)));
            }
        }
        events
    }

    fn end_others(&mut self, ts_ms: i64, tracks: &[Track], events: &mut Vec<Event>) {
        let alive: BTreeSet<u64> = tracks.iter().map(|track| track.id).collect();
        let ended: Vec<(u64, i64)> =
            self.last_seen_ms.iter().filter(|(id, _)| !alive.contains(id)).map(|(&id, &ms)| (id, ms)).collect();
        for (id, last_ms) in ended {
            self.last_seen_ms.remove(&id);
            events.extend(self.zones.iter_mut().filter_map(|watch| watch.end(id, last_ms, ts_ms)));
            self.lines.iter_mut().for_each(|watch| watch.end(id));
        }
    }
}

/// A track at a place, in frame heights, at a time of the counter's clock.
struct At<'a> {
    track: &'a Track,
    point: [f32; 2],
    ms: i64,
}

/// By what a frame is judged.
struct Rule {
    ts_ms: i64,
    /// The frame's width over its height.
    aspect: f32,
    /// In frame heights.
    hysteresis: f32,
    settle_ms: i64,
}

/// Whether a place that asks for these classes cares about this one; none means all.
fn cares(classes: &[u16], class: u16) -> bool {
    classes.is_empty() || classes.contains(&class)
}

#[cfg(test)]
mod tests;
