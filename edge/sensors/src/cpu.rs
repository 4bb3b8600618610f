//! How long processors were busy: of a thread, of this process, of threads by their name, and of the machine.
//!
//! Readers only; what a second of it costs is said by [`EnergyAccount`](crate::EnergyAccount).

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::host::{Host, read_name, read_text};

/// Processor time of the thread that calls.
pub fn thread_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

/// Processor time of all threads of this process, those that have ended included.
pub fn process_time() -> Duration {
    time_of(ClockId::ProcessCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The processor time of this process's threads whose names begin alike, for work that is spread over a pool.
///
/// The kernel brings the number of a running thread up to date at its next tick, so that it may lag by some
/// milliseconds; of a thread that waits it is exact.
#[derive(Clone, Debug, Default)]
pub struct ThreadsTime {
    files: Vec<PathBuf>,
}

impl ThreadsTime {
    /// The threads that run now and whose names begin so. Linux cuts names at 15 bytes, and so is the prefix.
    pub fn named(prefix: &str) -> Self {
        let prefix: String = prefix.chars().take(15).collect();
        let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|task| task.path());
        let is_wanted = |task: &PathBuf| read_name(&task.join("comm")).is_some_and(|name| name.starts_with(&prefix));
        Self { files: tasks.filter(is_wanted).map(|task| task.join("schedstat")).collect() }
    }

    /// How many threads were found.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Their time on a processor so far, together. Nothing where no thread was found, one has ended, or the kernel does
    /// not count.
    pub fn read(&self) -> Option<Duration> {
        let of_thread = |file: &PathBuf| {
            let text = read_text(file).ok()?;
            let nanos: u64 = text.split_whitespace().next()?.parse().ok()?;
            Some(Duration::from_nanos(nanos))
        };
        if self.files.is_empty() { None } else { self.files.iter().map(of_thread).sum() }
    }
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
    fn a_threads_time_is_part_of_its_process() {
        let (process, thread) = (process_time(), thread_time());
        burn(Duration::from_millis(20));
        assert!(thread_time() - thread >= Duration::from_millis(20));
        assert!(process_time() - process >= Duration::from_millis(20));
    }

    #[test]
    fn threads_are_found_by_name_and_their_time_is_summed() {
        let (work, works) = mpsc::channel::<()>();
        let (done, dones) = mpsc::channel();
        let worker = std::thread::Builder::new().name("busy-pool-0".into()).spawn(move || {
            done.send(()).unwrap();
            works.recv().unwrap();
            burn(Duration::from_millis(30));
            done.send(()).unwrap();
            // Waits, so that its time is exact.
            works.recv().unwrap();
        });
        dones.recv().unwrap();
        let pool = ThreadsTime::named("busy-pool-");
        assert_eq!(pool.count(), 1);
        let before = pool.read();
        work.send(()).unwrap();
        dones.recv().unwrap();
        // Ten milliseconds for a kernel whose tick has not come yet.
        if let (Some(before), Some(after)) = (before, pool.read()) {
            assert!(after - before >= Duration::from_millis(20), "{before:?} {after:?}");
        }
        work.send(()).unwrap();
        worker.unwrap().join().unwrap();
        // The kernel takes a thread out of its list a little after it has ended.
        while pool.read().is_some() {
            std::thread::yield_now();
        }
        assert_eq!(ThreadsTime::named("no such thread").read(), None);
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
