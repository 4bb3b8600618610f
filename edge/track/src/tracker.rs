//! The tracker: which sighting is which thing. Two rounds of matching as in ByteTrack (Zhang et al. 2022,
//! arXiv:2110.06864): first what the detector is sure of, with everything that is believed, seen or lost; then what it
//! is not sure of, with what was seen a moment ago and found nothing; at last what is left, with what is not yet
//! believed. A track that comes back within its time keeps its id.
//!
//! Overlap is measured after both boxes were widened by what the forecast may be off (as the fixed margin of C-BIoU,
//! Yang et al. 2023, but by the filter's own deviation), so that a frame a second or a second of occlusion needs no
//! other rule than thirty frames a second.

use crate::assign::Gains;
use crate::clock::Clock;
use crate::error::TrackError;
use crate::motion::{Forecast, Motion};
use crate::options::TrackOptions;
use crate::rectangle::Rectangle;
use crate::sighting::{Sighting, Track, Tracking};

/// Sightings of a frame that are looked at, the surest first: matching grows with their cube.
const SIGHTINGS_MAX: usize = 256;
/// Tracks that are kept, believed or not. While so many are alive none begins.
const TRACKS_MAX: usize = 256;
/// Deviations from the forecast beyond which a sighting is another thing; squared, of both axes together.
const GATE: f32 = 16.0;
/// A thing does not become so much taller between two sightings, nor so much smaller.
const GROWTH_MAX: f32 = 2.0;
/// How many deviations a box is widened by.
const WIDENING: f32 = 1.0;
/// Boxes are widened by no more than so many of their larger sides.
const WIDENING_MAX: f32 = 1.0;
/// Seen in the frame before or within this time, a track may be carried on by sightings of low confidence. For longer it
/// must not wait for them: sooner or later a stone looks a little like a person.
const RECENT_MS: i64 = 400;
/// What a lost track's claim loses by the end of its time: one that is seen goes before one that is remembered.
const CLAIM_LOST: f32 = 0.3;

/// Follows the things of one camera.
#[derive(Debug)]
pub struct Tracker {
    options: TrackOptions,
    clock: Clock,
    /// When the last frame was taken.
    last_ms: i64,
    last_id: u64,
    paths: Vec<Path>,
}

impl Tracker {
    /// A tracker that has seen nothing.
    ///
    /// # Errors
    /// An option that is out of its range.
    pub fn new(options: TrackOptions) -> Result<Self, TrackError> {
        options.validate()?;
        Ok(Self { options, clock: Clock::default(), last_ms: 0, last_id: 0, paths: Vec::new() })
    }

    /// Goes on with other options; tracks and ids stay.
    ///
    /// # Errors
    /// An option that is out of its range; nothing changes then.
    pub fn set_options(&mut self, options: TrackOptions) -> Result<(), TrackError> {
        options.validate()?;
        self.options = options;
        Ok(())
    }

    /// Takes the sightings of a frame that was taken at `ts_ms`. A frame in which nothing was seen is given too.
    pub fn update(&mut self, ts_ms: i64, sightings: &[Sighting]) -> Tracking {
        let now_ms = self.clock.advance(ts_ms);
        self.paths.retain(|path| now_ms - path.last_ms <= self.options.lost_ms);
        let mut round = Round::new(now_ms, sightings, &self.paths);
        let options = self.options;
        let sure = |seen: &Seen| seen.confidence >= options.confidence_high;
        let unsure = |seen: &Seen| !sure(seen) && seen.confidence >= options.confidence_low;
        round.match_up(&self.paths, options, options.overlap_min, Path::is_believed, sure);
        let recent_ms = self.last_ms.min(now_ms - RECENT_MS);
        let recent = |path: &Path| path.is_believed() && path.last_ms >= recent_ms;
        round.match_up(&self.paths, options, options.overlap_low_min, recent, unsure);
        round.match_up(&self.paths, options, options.overlap_min, |path| !path.is_believed(), sure);
        self.last_ms = now_ms;
        self.carry_on(&round);
        self.begin(&mut round);
        self.believe(now_ms);
        let mut tracking = self.tracking(&round, sightings.len());
        self.paths.retain(|path| path.is_believed() || path.missed < path.sightings);
        tracking.tracks.sort_unstable_by_key(|track| track.id);
        tracking
    }

    fn carry_on(&mut self, round: &Round) {
        for path in &mut self.paths {
            path.missed += 1;
        }
        for seen in &round.seen {
            if let Some(path) = seen.path {
                self.paths[path].see(seen, round.now_ms);
            }
        }
    }

    /// What nothing claims begins a track, unless it is a second box of something that was seen.
    fn begin(&mut self, round: &mut Round) {
        let mut standing: Vec<(u16, Rectangle)> = Vec::new();
        standing.extend(round.seen.iter().filter(|seen| seen.path.is_some()).map(|seen| (seen.class, seen.rectangle)));
        for seen in &mut round.seen {
            if seen.path.is_some() || seen.confidence < self.options.confidence_start {
                continue;
            }
            let cover = |(class, other): &(u16, Rectangle)| *class == seen.class && self.is_double(other, seen);
            if self.paths.len() >= TRACKS_MAX || standing.iter().any(cover) {
                continue;
            }
            seen.path = Some(self.paths.len());
            self.paths.push(Path::new(seen, round.now_ms));
            standing.push((seen.class, seen.rectangle));
        }
    }

    fn is_double(&self, other: &Rectangle, seen: &Seen) -> bool {
        other.cover(&seen.rectangle) > self.options.duplicate_cover
    }

    fn believe(&mut self, now_ms: i64) {
        for path in &mut self.paths {
            let long_enough = path.sightings >= 2 && now_ms - path.first_ms >= self.options.confirm_ms;
            if path.id.is_none() && path.last_ms == now_ms && (long_enough || self.options.confirm_ms == 0) {
                self.last_id += 1;
                path.id = Some(self.last_id);
            }
        }
    }

    fn tracking(&self, round: &Round, sightings: usize) -> Tracking {
        let mut ids = vec![None; sightings];
        let mut is_seen = vec![false; self.paths.len()];
        for seen in &round.seen {
            if let Some(path) = seen.path {
                is_seen[path] = true;
                ids[seen.index] = self.paths[path].id;
            }
        }
        let tracks = self.paths.iter().zip(is_seen).filter_map(|(path, is_seen)| path.track(round.now_ms, is_seen));
        Tracking { ids, tracks: tracks.collect() }
    }
}

/// A thing, believed or not.
#[derive(Debug)]
struct Path {
    /// Given once it is believed.
    id: Option<u64>,
    class: u16,
    motion: Motion,
    origin: [f32; 2],
    first_ms: i64,
    last_ms: i64,
    sightings: u32,
    /// Frames since it began that did not show it.
    missed: u32,
}

impl Path {
    fn new(seen: &Seen, now_ms: i64) -> Self {
        Self {
            id: None,
            class: seen.class,
            motion: Motion::new(&seen.rectangle),
            origin: seen.rectangle.foot(),
            first_ms: now_ms,
            last_ms: now_ms,
            sightings: 1,
            missed: 0,
        }
    }

    fn is_believed(&self) -> bool {
        self.id.is_some()
    }

    fn see(&mut self, seen: &Seen, now_ms: i64) {
        self.motion.see(&seen.rectangle, seen.confidence, seconds(now_ms - self.last_ms));
        self.last_ms = now_ms;
        self.sightings = self.sightings.saturating_add(1);
        self.missed = self.missed.saturating_sub(1);
    }

    fn track(&self, now_ms: i64, is_seen: bool) -> Option<Track> {
        let Rectangle { x1, y1, x2, y2 } = self.motion.forecast(seconds(now_ms - self.last_ms)).rectangle;
        Some(Track {
            id: self.id?,
            class: self.class,
            x1,
            y1,
            x2,
            y2,
            seen: is_seen,
            age_ms: now_ms - self.first_ms,
            origin: self.origin,
        })
    }
}

/// A sighting that is looked at.
struct Seen {
    /// Its place in what the caller gave.
    index: usize,
    class: u16,
    confidence: f32,
    rectangle: Rectangle,
    /// The path that it belongs to.
    path: Option<usize>,
}

/// One frame while it is matched.
struct Round {
    now_ms: i64,
    /// The surest first.
    seen: Vec<Seen>,
    forecasts: Vec<Forecast>,
    /// Whether a path has its sighting.
    found: Vec<bool>,
}

impl Round {
    fn new(now_ms: i64, sightings: &[Sighting], paths: &[Path]) -> Self {
        let usable = sightings.iter().enumerate().filter_map(|(index, sighting)| {
            let rectangle = sighting.rectangle()?;
            Some(Seen { index, class: sighting.class, confidence: sighting.confidence, rectangle, path: None })
        });
        let mut seen: Vec<Seen> = usable.collect();
        seen.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        seen.truncate(SIGHTINGS_MAX);
        let forecast = |path: &Path| path.motion.forecast(seconds(now_ms - path.last_ms));
        Self { now_ms, seen, forecasts: paths.iter().map(forecast).collect(), found: vec![false; paths.len()] }
    }

    /// Matches those paths and sightings that are still without one another and are asked for.
    fn match_up(
        &mut self,
        paths: &[Path],
        options: TrackOptions,
        overlap_min: f32,
        path_wanted: impl Fn(&Path) -> bool,
        seen_wanted: impl Fn(&Seen) -> bool,
    ) {
        let rows: Vec<usize> = (0..paths.len()).filter(|&row| !self.found[row] && path_wanted(&paths[row])).collect();
        let columns: Vec<usize> = (0..self.seen.len())
            .filter(|&column| self.seen[column].path.is_none() && seen_wanted(&self.seen[column]))
            .collect();
        let mut gains = Gains::new(rows.len(), columns.len());
        for (row, &path) in rows.iter().enumerate() {
            let unseen = (self.now_ms - paths[path].last_ms) as f32 / options.lost_ms as f32;
            let claim = 1.0 - CLAIM_LOST * unseen.min(1.0);
            for (column, &seen) in columns.iter().enumerate() {
                let seen = &self.seen[seen];
                if seen.class != paths[path].class {
                    continue;
                }
                let likeness = likeness(&self.forecasts[path], &seen.rectangle);
                if likeness >= overlap_min {
                    gains.set(row, column, likeness * claim);
                }
            }
        }
        for (row, column) in gains.assign().into_iter().enumerate() {
            if let Some(column) = column {
                self.seen[columns[column]].path = Some(rows[row]);
                self.found[rows[row]] = true;
            }
        }
    }
}

/// How well a box fits a forecast, 0 to 1; 0 where it cannot be.
fn likeness(forecast: &Forecast, seen: &Rectangle) -> f32 {
    let expected = &forecast.rectangle;
    let growth = seen.height() / expected.height();
    if !(1.0 / GROWTH_MAX..=GROWTH_MAX).contains(&growth) {
        return 0.0;
    }
    let ([x, y], [seen_x, seen_y]) = (expected.centre(), seen.centre());
    let [deviation_x, deviation_y] = forecast.deviation;
    if ((seen_x - x) / deviation_x).powi(2) + ((seen_y - y) / deviation_y).powi(2) > GATE {
        return 0.0;
    }
    let most = WIDENING_MAX * expected.width().max(expected.height());
    let margin = forecast.deviation.map(|deviation| (WIDENING * deviation).min(most));
    let likeness = expected.widened(margin).overlap(&seen.widened(margin));
    if likeness.is_nan() { 0.0 } else { likeness }
}

fn seconds(ms: i64) -> f32 {
    ms as f32 / 1000.0
}

#[cfg(test)]
mod tests;
