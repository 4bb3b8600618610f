//! Scripts of what happens to a camera, and the machine's answer to each.

use proptest::prelude::*;

use super::*;

const OPTIONS: ReconnectOptions = ReconnectOptions {
    connect_ms: 1000,
    silence_ms: 1000,
    delay_ms_min: 100,
    delay_ms_max: 1000,
    jitter: 0.0,
    failures_max: 6,
    broken_ms: 30_000,
    stable_ms: 5000,
};

fn wait_ms(machine: &Supervisor, now_ms: u64) -> u64 {
    machine.waits_until_ms().unwrap() - now_ms
}

#[test]
fn the_wait_doubles_up_to_its_bound_and_then_the_breaker_opens() {
    let mut machine = Supervisor::new(OPTIONS);
    let mut waits = Vec::new();
    for _ in 0..8 {
        machine.try_again();
        machine.failed(0, 0.9);
        waits.push(wait_ms(&machine, 0));
    }
    assert_eq!(waits, [100, 200, 400, 800, 1000, 30_000, 30_000, 30_000]);
    assert!(matches!(machine.link(), Link::Broken { .. }));
}

#[test]
fn a_broken_camera_that_shows_frames_for_long_enough_is_whole_again() {
    let mut machine = Supervisor::new(OPTIONS);
    (0..6).for_each(|_| machine.failed(0, 0.0));
    machine.try_again();
    assert_eq!((machine.link(), machine.waits_until_ms()), (Link::Connecting, None));
    assert!(machine.frame_came(40_000));
    assert!(!machine.frame_came(40_100));
    assert_eq!(machine.link(), Link::Running { since_ms: 40_000 });
    machine.failed(45_000, 0.0);
    assert_eq!(machine.link(), Link::Waiting { until_ms: 45_100 });
}

#[test]
fn a_camera_that_hangs_up_after_its_first_frame_waits_longer_each_time() {
    let mut machine = Supervisor::new(OPTIONS);
    let mut waits = Vec::new();
    for round in 0..4 {
        machine.try_again();
        machine.frame_came(round * 10_000);
        machine.failed(round * 10_000 + 4999, 0.0);
        waits.push(wait_ms(&machine, round * 10_000 + 4999));
    }
    assert_eq!(waits, [100, 200, 400, 800]);
}

#[test]
fn chance_takes_away_no_more_than_its_share() {
    let mut machine = Supervisor::new(ReconnectOptions { jitter: 0.5, ..OPTIONS });
    machine.failed(0, 0.0);
    assert_eq!(wait_ms(&machine, 0), 100);
    let mut machine = Supervisor::new(ReconnectOptions { jitter: 0.5, ..OPTIONS });
    machine.failed(0, 1.0);
    assert_eq!(wait_ms(&machine, 0), 50);
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Frame,
    Fails(f64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![Just(Event::Frame), (0.0..=1.0).prop_map(Event::Fails)]
}

proptest! {
    /// Whatever happens: there is always a next try, no wait is longer than its bound or shorter than what chance
    /// leaves of the shortest, and nothing overflows at the end of time.
    #[test]
    fn it_never_gives_up_and_never_waits_beyond_its_bounds(
        events in proptest::collection::vec((event(), 0_u64..20_000), 1..200),
        start_ms in prop_oneof![0_u64..1000, Just(u64::MAX - 10_000)],
    ) {
        let options = ReconnectOptions { jitter: 0.5, ..OPTIONS };
        let mut machine = Supervisor::new(options);
        let mut now_ms = start_ms;
        for (event, step_ms) in events {
            now_ms = now_ms.saturating_add(step_ms);
            match event {
                Event::Frame => { machine.frame_came(now_ms); }
                Event::Fails(chance) => {
                    machine.failed(now_ms, chance);
                    let wait_ms = machine.waits_until_ms().unwrap() - now_ms;
                    prop_assert!(wait_ms <= options.broken_ms);
                    prop_assert!(wait_ms >= options.delay_ms_min / 2 || now_ms > u64::MAX - 1000);
                    machine.try_again();
                }
            }
            prop_assert_eq!(machine.waits_until_ms(), None);
        }
    }
}
