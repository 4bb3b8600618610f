//! How long processors were busy: with a thread, and of the machine.
//!
//! Readers only; what a second of it costs is said by [`EnergyAccount`](crate::EnergyAccount).

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::host::{Host, read_text};

/// Processor time of the thread that calls.
pub fn thread_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Seconds for which all processors of the machine together were busy since it started; it grows in steps of a tick,
/// usually 10 ms. Nothing where `/proc/stat` cannot be read.
pub(crate) fn machine_busy_s(host: &Host) -> Option<f64> {
    let ticks = busy_ticks(&read_text(&host.proc.join("stat")).ok()?)?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second().max(1) as f64)
}

/// user, nice, system, irq and softirq of the first line. Guests are within user; time that a hypervisor took is spent
/// elsewhere.
fn busy_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = fields.as_slice() else { return None };
    [user, nice, system, irq, softirq].into_iter().try_fold(0_u64, |sum, ticks| sum.checked_add(*ticks))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Keeps a processor busy until the thread's own clock says that it was.
    fn burn(time: Duration) {
        let started = thread_time();
        while thread_time() - started < time {
            std::hint::black_box((0..1000_u64).sum::<u64>());
        }
    }

    #[test]
    fn a_threads_time_runs_while_it_computes_and_not_while_it_waits() {
        let started = thread_time();
        burn(Duration::from_millis(20));
        let burnt = thread_time();
        assert!(burnt - started >= Duration::from_millis(20));
        let (done, waits) = mpsc::channel();
        let other = std::thread::spawn(move || {
            burn(Duration::from_millis(20));
            done.send(()).unwrap();
        });
        waits.recv().unwrap();
        other.join().unwrap();
        assert!(thread_time() - burnt < Duration::from_millis(20), "what another thread burns is not ours");
    }

    #[test]
    fn the_machine_is_busy_in_five_of_its_fields() {
        assert_eq!(busy_ticks("cpu  10 20 30 1000 2000 4 5 99 7 8\ncpu0 1 1 1 1 1 1 1\n"), Some(69));
        for garbage in ["", "cpu", "cpu  1 2", "cpu  1 2 x 4 5 6 7", "intr 1 2 3 4 5 6 7", "cpu  -1 2 3 4 5 6 7"] {
            assert_eq!(busy_ticks(garbage), None, "{garbage:?}");
        }
        assert_eq!(busy_ticks(&format!("cpu  {} 1 1 1 1 1 1", u64::MAX)), None, "a sum that overflows");
    }
}
