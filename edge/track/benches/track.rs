//! What an update costs: microseconds for the tracker and the counter at so many things in view, as a table for people.
//!
//!     cargo bench -p headwater-track

use std::time::Instant;

use headwater_track::{CountOptions, Counter, Line, Sighting, TrackError, TrackOptions, Tracker, Zone};

const UPDATES: i64 = 400;
const FRAME: [u32; 2] = [1920, 1080];

fn main() -> Result<(), TrackError> {
    println!("objects  tracker µs median  99th of 100  counter µs median  99th of 100");
    for objects in [1, 10, 100, 250] {
        let [tracker, counter] = measure(objects)?;
        println!("{objects:>7}  {:>17.1}  {:>11.1}  {:>17.1}  {:>11.1}", tracker.0, tracker.1, counter.0, counter.1);
    }
    Ok(())
}

fn measure(objects: u32) -> Result<[(f64, f64); 2], TrackError> {
    let mut tracker = Tracker::new(TrackOptions::default())?;
    let zone = Zone {
        name: "middle".into(),
        polygon: vec![[0.3, 0.3], [0.7, 0.3], [0.8, 0.5], [0.7, 0.7], [0.3, 0.7]],
        classes: vec![],
    };
    let line = Line { name: "half".into(), from: [0.5, 0.0], to: [0.5, 1.0], classes: vec![] };
    let mut counter = Counter::new(&[zone], &[line], CountOptions::default())?;
    let (mut tracking_us, mut counting_us) = (Vec::new(), Vec::new());
    for update in 0..UPDATES {
        let ts_ms = update * 100;
        let sightings: Vec<Sighting> = (0..objects).map(|object| walker(object, ts_ms)).collect();
        let start = Instant::now();
        let tracking = tracker.update(ts_ms, &sightings);
        tracking_us.push(start.elapsed().as_secs_f64() * 1e6);
        let start = Instant::now();
        counter.update(ts_ms, &tracking.tracks, FRAME);
        counting_us.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok([tracking_us, counting_us].map(|mut times_us| {
        times_us.sort_by(f64::total_cmp);
        (times_us[times_us.len() / 2], times_us[times_us.len() * 99 / 100])
    }))
}

/// People on parallel paths, every second one walking the other way, so that they pass each other all the time.
fn walker(object: u32, ts_ms: i64) -> Sighting {
    let seconds = ts_ms as f32 / 1000.0;
    let way = if object.is_multiple_of(2) { 1.0 } else { -1.0 };
    let x = (object as f32 * 157.0 + way * 90.0 * seconds).rem_euclid(FRAME[0] as f32);
    let y = (object as f32 * 61.0).rem_euclid(900.0);
    Sighting {
        class: 0,
        confidence: 0.5 + 0.4 * (object as f32 * 0.37).fract(),
        x1: x,
        y1: y,
        x2: x + 45.0,
        y2: y + 110.0,
    }
}
