//! Zones and lines as a person draws them, and what they must be.

use std::collections::BTreeSet;

use super::polygon::{Point, Polygon, sides_meet, turn};
use crate::error::TrackError;

/// As many zones, and as many lines, a camera may have.
const PLACES_MAX: usize = 64;
const CORNERS_MAX: usize = 64;
const ZONE: &str = "zone";
const LINE: &str = "line";

/// A part of the picture that things are in or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Unique among the zones of the camera.
    pub name: String,
    /// Corners in order, either way around, as fractions of the frame's width and height; (0, 0) is its upper left. At
    /// least 3, and no two sides meet but neighbours in their corner.
    pub polygon: Vec<[f32; 2]>,
    /// Which classes it counts, in the detector's numbering; none means all.
    pub classes: Vec<u16>,
}

/// A line that things cross. It ends where it ends: whoever walks around it has not crossed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Unique among the lines of the camera.
    pub name: String,
    /// Where it begins, as fractions of the frame's width and height.
    pub from: [f32; 2],
    /// Where it ends.
    pub to: [f32; 2],
    /// Which classes it counts, in the detector's numbering; none means all.
    pub classes: Vec<u16>,
}

/// Checks all zones and lines.
pub(super) fn validate(zones: &[Zone], lines: &[Line]) -> Result<(), TrackError> {
    names(ZONE, zones.iter().map(|zone| zone.name.as_str()))?;
    names(LINE, lines.iter().map(|line| line.name.as_str()))?;
    for zone in zones {
        points(ZONE, &zone.name, &zone.polygon)?;
        corners(&zone.name, &zone.polygon)?;
        sides(&zone.name, &zone.polygon)?;
    }
    for line in lines {
        points(LINE, &line.name, &[line.from, line.to])?;
        if line.from == line.to {
            let [x, y] = line.from;
            return Err(TrackError::NoLength { name: line.name.clone(), x, y });
        }
    }
    Ok(())
}

fn names<'a>(kind: &'static str, names: impl ExactSizeIterator<Item = &'a str>) -> Result<(), TrackError> {
    if names.len() > PLACES_MAX {
        return Err(TrackError::TooManyPlaces { kind, found: names.len(), most: PLACES_MAX });
    }
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() {
            return Err(TrackError::NoName { kind });
        }
        if !seen.insert(name) {
            return Err(TrackError::NameTwice { kind, name: name.to_owned() });
        }
    }
    Ok(())
}

fn points(kind: &'static str, name: &str, points: &[Point]) -> Result<(), TrackError> {
    let inside = |[x, y]: &Point| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y);
    match points.iter().find(|point| !inside(point)) {
        Some(&[x, y]) => Err(TrackError::PointOutside { kind, name: name.to_owned(), x, y }),
        None => Ok(()),
    }
}

fn corners(name: &str, corners: &[Point]) -> Result<(), TrackError> {
    if !(3..=CORNERS_MAX).contains(&corners.len()) {
        return Err(TrackError::Corners { name: name.to_owned(), found: corners.len(), most: CORNERS_MAX });
    }
    let first = corners[0];
    let second = corners.iter().copied().find(|corner| *corner != first).unwrap_or(first);
    if corners.iter().all(|&corner| turn(first, second, corner) == 0.0) {
        return Err(TrackError::NoArea { name: name.to_owned() });
    }
    Ok(())
}

fn sides(name: &str, corners: &[Point]) -> Result<(), TrackError> {
    let sides: Vec<(Point, Point)> = Polygon::sides(corners).collect();
    let last = sides.len() - 1;
    for (first, &(a, b)) in sides.iter().enumerate() {
        for (second, &(c, d)) in sides.iter().enumerate().skip(first + 1) {
            let meet = if second == first + 1 {
                folds_back(a, b, d)
            } else if (first, second) == (0, last) {
                folds_back(c, d, b)
            } else {
                sides_meet(a, b, c, d)
            };
            if meet {
                return Err(TrackError::SelfIntersecting { name: name.to_owned(), first, second });
            }
        }
    }
    Ok(())
}

/// Whether the way from `a` over `b` to `c` goes back on itself, or stays where it is.
fn folds_back(a: Point, b: Point, c: Point) -> bool {
    let ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]);
    turn(a, b, c) == 0.0 && ahead <= 0.0
}

#[cfg(test)]
mod tests;
