//! Whether the values of one camera make sense.

use headwater_camera::mask::Mask;
use headwater_camera::thumbnail::{CELLS_MAX, WIDTH_MAX};
use headwater_detector::{ClassId, DetectOptions};
use headwater_track::Counter;

use super::super::{CameraConfig, Pace, SourceKind};
use super::{Problems, is_name, name_rule};
use crate::detection::watched::{lines, zones};

type Key<'a> = &'a dyn Fn(&str) -> String;

/// Adds what is wrong with a camera; `key` makes the name of one of its keys.
pub(super) fn check(camera: &CameraConfig, key: Key, problems: &mut Problems) {
    problems.unless(is_name(&camera.id), &key("id"), || name_rule(&camera.id));
    check_source(camera, key, problems);
    if camera.source.is_live() {
        check_live(camera, key, problems);
    }
    if let Some(fps) = camera.fps {
        problems.unless(fps > 0.0 && fps <= 1000.0, &key("fps"), || format!("{fps} is not a rate up to 1000"));
    }
    check_detection(camera, key, problems);
    check_counting(camera, key, problems);
    let sides = 16..=8192;
    problems.unless(sides.contains(&camera.width), &key("width"), || "must be 16 to 8192".to_owned());
    problems.unless(sides.contains(&camera.height), &key("height"), || "must be 16 to 8192".to_owned());
    check_sight(camera, key, problems);
}

/// Whether the camera has what its kind needs, and nothing that another kind has.
fn check_source(camera: &CameraConfig, key: Key, problems: &mut Problems) {
    let kind = camera.source.as_str();
    let has_url = !camera.source.schemes().is_empty();
    match (camera.source, &camera.path) {
        (SourceKind::File | SourceKind::V4l2, None) => {
            problems.add(&key("path"), format!("a {kind} camera needs one"));
        }
        (SourceKind::File, Some(path)) => {
            problems.unless(path.exists(), &key("path"), || format!("there is no {}", path.display()));
        }
        (SourceKind::V4l2, Some(_)) | (_, None) => {}
        (_, Some(_)) => problems.add(&key("path"), format!("a {kind} camera has none")),
    }
    problems.unless(!has_url || camera.url.is_some(), &key("url"), || format!("a {kind} camera needs one"));
    let entered = [
        ("url", camera.url.is_some()),
        ("username", camera.username.is_some()),
        ("password", camera.password.is_some()),
        ("password_file", camera.password_file.is_some()),
    ];
    for (name, _) in entered.iter().filter(|(_, is_said)| *is_said && !has_url) {
        problems.add(&key(name), format!("a {kind} camera has none"));
    }
    if let Some(file) = camera.password_file.as_ref().filter(|_| has_url) {
        problems.unless(file.is_file(), &key("password_file"), || format!("there is no file {}", file.display()));
        problems.unless(camera.password.is_none(), &key("password"), || "there is a password_file too".to_owned());
    }
}

fn check_live(camera: &CameraConfig, key: Key, problems: &mut Problems) {
    // A password that is in a file is not read here; that it has an owner is seen with any.
    let password = camera.password_file.as_ref().map(|_| headwater_camera::Secret::new("from a file"));
    if let Err(error) = camera.live_kind(password) {
        problems.add(&key("url"), error.to_string());
    }
    problems.unless(camera.pace == Pace::Live, &key("pace"), || {
        "a live camera cannot wait for every frame to be looked at".to_owned()
    });
    let reconnect = &camera.reconnect;
    let positive = |problems: &mut Problems, name: &str, value: u64| {
        problems.unless(value > 0, &key(name), || "must be at least 1".to_owned());
    };
    positive(problems, "reconnect.connect_ms", reconnect.connect_ms);
    positive(problems, "reconnect.silence_ms", reconnect.silence_ms);
    positive(problems, "reconnect.delay_ms_min", reconnect.delay_ms_min);
    positive(problems, "reconnect.broken_ms", reconnect.broken_ms);
    positive(problems, "reconnect.failures_max", reconnect.failures_max.into());
    problems.unless(reconnect.delay_ms_min <= reconnect.delay_ms_max, &key("reconnect.delay_ms_max"), || {
        "must not be less than delay_ms_min".to_owned()
    });
    let is_share = (0.0..=1.0).contains(&reconnect.jitter);
    problems.unless(is_share, &key("reconnect.jitter"), || "must be 0 to 1".to_owned());
}

fn check_detection(camera: &CameraConfig, key: Key, problems: &mut Problems) {
    problems.unless(!camera.tiers.is_empty(), &key("tiers"), || "there must be one".to_owned());
    for input_size in &camera.tiers {
        let checked = DetectOptions { input_size: *input_size, ..DetectOptions::default() }.validate();
        if let Err(error) = checked {
            problems.add(&key("tiers"), error.to_string());
        }
    }
    problems.unless((0.0..=1.0).contains(&camera.threshold), &key("threshold"), || "must be 0 to 1".to_owned());
    check_classes(camera.classes.iter().map(|class| ("classes", class)), key, problems);
}

/// Classes, each with the key that names it.
fn check_classes<'a>(named: impl Iterator<Item = (&'a str, &'a String)>, key: Key, problems: &mut Problems) {
    for (name, class) in named {
        let is_known = ClassId::from_name(class).is_some();
        problems.unless(is_known, &key(name), || format!("{class:?} is no COCO class"));
    }
}

fn check_counting(camera: &CameraConfig, key: Key, problems: &mut Problems) {
    let fits = (0.0..=1.0).contains(&camera.nms_iou);
    problems.unless(fits, &key("nms_iou"), || "must be 0 to 1".to_owned());
    if let Err(error) = camera.tracking.validate() {
        problems.add(&key("tracking"), error.to_string());
    }
    let counts = !camera.zones.is_empty() || !camera.lines.is_empty();
    problems.unless(camera.track || !counts, &key("track"), || "zones and lines need it".to_owned());
    let zones = Counter::new(&zones(&camera.zones), &[], camera.counting);
    let lines = Counter::new(&[], &lines(&camera.lines), camera.counting);
    for (name, made) in [("zones", zones), ("lines", lines)] {
        if let Err(error) = made {
            problems.add(&key(name), error.to_string());
        }
    }
    let of_zones = camera.zones.iter().flat_map(|zone| &zone.classes).map(|class| ("zones", class));
    let of_lines = camera.lines.iter().flat_map(|line| &line.classes).map(|class| ("lines", class));
    check_classes(of_zones.chain(of_lines), key, problems);
}

fn check_sight(camera: &CameraConfig, key: Key, problems: &mut Problems) {
    if let Err(error) = Mask::new(&camera.masks) {
        problems.add(&key("masks"), error.to_string());
    }
    let is_share = (0.0..=1.0).contains(&camera.motion.sensitivity);
    problems.unless(is_share, &key("motion.sensitivity"), || "must be 0 to 1".to_owned());
    problems.unless(camera.motion.max_idle_ms > 0, &key("motion.max_idle_ms"), || "must be at least 1".to_owned());
    let levels = [
        ("health.frozen_levels", camera.health.frozen_levels),
        ("health.dark_levels", camera.health.dark_levels),
        ("health.flat_levels", camera.health.flat_levels),
    ];
    for (name, level) in levels {
        problems.unless((0.0..=255.0).contains(&level), &key(name), || "must be 0 to 255".to_owned());
    }
    let thumbnail = &camera.thumbnail;
    problems.unless(thumbnail.interval_ms > 0, &key("thumbnail.interval_ms"), || "must be at least 1".to_owned());
    let widths = 16..=WIDTH_MAX;
    problems
        .unless(widths.contains(&thumbnail.width), &key("thumbnail.width"), || format!("must be 16 to {WIDTH_MAX}"));
    let cells = 1..=CELLS_MAX;
    problems.unless(cells.contains(&thumbnail.cells), &key("thumbnail.cells"), || {
        format!("must be 1 to {CELLS_MAX}, or faces would show")
    });
}
