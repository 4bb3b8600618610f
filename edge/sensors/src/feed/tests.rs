//! The queue is bounded, ends with its sources, and loses nothing that somebody waits with.

use super::*;

const LONG: Duration = Duration::from_secs(30);

fn reading(value: u32) -> Reading {
    let name: Arc<str> = "a".into();
    Reading { sensor: name.clone(), value: value.into(), unit: name.clone(), method: name, ts_ms: 0 }
}

/// What waits up to [`LONG`] must be woken and not wait until then.
fn woken<T>(wait: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let found = wait();
    assert!(start.elapsed() < LONG, "nobody woke it");
    found
}

fn values(readings: &[Reading]) -> Vec<u32> {
    readings.iter().map(|reading| reading.value as u32).collect()
}

#[test]
fn a_full_queue_lets_its_oldest_go_and_counts_them() {
    let queue = Queue::new(3);
    let outlet = queue.outlet();
    outlet.send(vec![reading(1), reading(2)]);
    outlet.send(vec![reading(3), reading(4), reading(5)]);
    assert_eq!(values(&woken(|| queue.take(LONG, Duration::ZERO)).unwrap()), [3, 4, 5]);
    assert_eq!(queue.dropped(), 2);
    assert_eq!(woken(|| queue.take(Duration::ZERO, LONG)), Some(Vec::new()), "patience ends");
}

#[test]
fn it_ends_when_its_last_source_has_and_gives_the_rest_first() {
    let queue = Queue::new(8);
    let (one, other) = (queue.outlet(), queue.outlet());
    one.send(vec![reading(1)]);
    drop(one);
    let taker = std::thread::spawn({
        let queue = Arc::clone(&queue);
        move || woken(|| (queue.take(LONG, LONG), queue.take(LONG, LONG)))
    });
    drop(other);
    assert_eq!(taker.join().unwrap(), (Some(vec![reading(1)]), None));
}

#[test]
fn a_taker_that_lingers_gets_several_at_once_but_waits_no_longer_than_for_half() {
    let queue = Queue::new(4);
    let outlet = queue.outlet();
    let taker = std::thread::spawn({
        let queue = Arc::clone(&queue);
        move || woken(|| queue.take(LONG, LONG))
    });
    outlet.send(vec![reading(1)]);
    outlet.send(vec![reading(2)]);
    assert_eq!(values(&taker.join().unwrap().unwrap()), [1, 2]);
}

#[test]
fn who_waits_for_room_loses_nothing() {
    let queue = Queue::new(2);
    let (outlet, stop) = (queue.outlet(), Stop::default());
    // So many that whoever looked for room by the clock alone would take longer than may be.
    const COUNT: u32 = 1000;
    let feed = move || woken(|| (0..COUNT).all(|value| outlet.send_patiently(reading(value), &stop)));
    let feeder = std::thread::spawn(feed);
    let mut all = Vec::new();
    while let Some(readings) = queue.take(LONG, Duration::ZERO) {
        all.extend(values(&readings));
    }
    assert!(feeder.join().unwrap());
    assert_eq!(all, (0..COUNT).collect::<Vec<_>>());
    assert_eq!(queue.dropped(), 0);
}

#[test]
fn who_waits_for_room_can_be_stopped() {
    let queue = Queue::new(1);
    let (outlet, stop) = (queue.outlet(), Stop::default());
    outlet.send(vec![reading(1)]);
    stop.stop();
    assert!(!woken(|| outlet.send_patiently(reading(2), &stop)));
    assert!(woken(|| stop.wait_until(Instant::now() + LONG)), "and nobody sleeps on");
}

#[test]
fn a_source_counts_what_it_gave_and_what_it_could_not() {
    let state = SourceState::new("thing");
    let now = Instant::now();
    state.worked(2);
    state.rejected(&SourceError::NoRows { path: "a.csv".into() }, now);
    assert!(state.counters().is_working);
    state.failed(&SourceError::DeviceGone { device: "/dev/x".into() }, now);
    let expected = SourceCounters {
        source: "thing".into(),
        readings: 2,
        rejected: 1,
        failures: 1,
        is_working: false,
        last_error: Some("/dev/x went away".into()),
    };
    assert_eq!(state.counters(), expected);
}
