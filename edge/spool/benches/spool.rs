//! What the spool costs on a disk: appends by sync policy, replay, and an hour without a broker.
//!
//! `cargo bench -p headwater-spool`, with a folder on the disk that counts in `SPOOL_BENCH_DIR` (else the system's
//! temporary one). Prints tables of one run; medians are made of several.

use std::path::Path;
use std::time::{Duration, Instant};

use headwater_spool::{Moment, ReadLimit, Spool, SpoolError, SpoolOptions, SyncPolicy};

/// Messages of a camera at 10 frames a second: a hundred rows of frames; the same with their detections.
const MESSAGE_BYTES: [usize; 2] = [7 << 10, 15 << 10];
/// What the uplink reads at once.
const WINDOW: ReadLimit = ReadLimit { records: 256, bytes: 4 << 20 };
/// How long a line of the first table is measured.
const PATIENCE: Duration = Duration::from_secs(4);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = match std::env::var_os("SPOOL_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    println!("on {}\n", folder.path().display());
    println!("{:<22}{:>10}{:>12}{:>12}{:>12}{:>14}", "append", "bytes", "messages/s", "MB/s", "median", "p99");
    for bytes in MESSAGE_BYTES {
        append(folder.path(), bytes, SyncPolicy::EveryMessage, "sync every message")?;
        append(folder.path(), bytes, SyncPolicy::Interval { ms: 1000 }, "sync each second")?;
        append(folder.path(), bytes, SyncPolicy::Never, "sync never")?;
    }
    println!();
    replay(folder.path())?;
    absence(folder.path())?;
    Ok(())
}

fn append(folder: &Path, bytes: usize, sync: SyncPolicy, name: &str) -> Result<(), SpoolError> {
    let options = SpoolOptions { sync, ..SpoolOptions::bounded(256 << 20) };
    let started = Instant::now();
    let now = || Moment { wall_ms: 0, elapsed_ms: started.elapsed().as_millis() as u64 };
    let mut spool = Spool::open(&folder.join(format!("append-{bytes}-{name}")), options, now())?;
    let payload = payload(bytes);
    let mut times = Vec::new();
    while started.elapsed() < PATIENCE && times.len() < 40_000 {
        let before = Instant::now();
        spool.append(&payload, 100, now())?;
        spool.tend(now())?;
        times.push(before.elapsed());
    }
    spool.sync()?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = times.len() as f64 / seconds;
    times.sort_unstable();
    let at = |share: f64| format!("{:.0} µs", times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6);
    let (median, p99) = (at(0.5), at(0.99));
    println!("{name:<22}{bytes:>10}{rate:>12.0}{:>12.1}{median:>12}{p99:>14}", rate * bytes as f64 / 1e6);
    Ok(())
}

/// Opens a full spool, and reads and acknowledges all of it.
fn replay(folder: &Path) -> Result<(), SpoolError> {
    let options = SpoolOptions { sync: SyncPolicy::Never, ..SpoolOptions::bounded(256 << 20) };
    let bytes = MESSAGE_BYTES[1];
    let path = folder.join("replay");
    let mut spool = Spool::open(&path, options, Moment::default())?;
    for _ in 0..(240 << 20) / bytes {
        spool.append(&payload(bytes), 100, Moment::default())?;
    }
    drop(spool);
    let started = Instant::now();
    let mut spool = Spool::open(&path, options, Moment::default())?;
    let opened_s = started.elapsed().as_secs_f64();
    let held = spool.stats(Moment::default()).waiting_bytes as f64 / 1e6;
    println!("open {held:.0} MB, every checksum: {opened_s:.3} s, {:.0} MB/s", held / opened_s);
    let started = Instant::now();
    let records = empty(&mut spool)?;
    let seconds = started.elapsed().as_secs_f64();
    println!("replay, each message acknowledged: {records} messages, {:.0} MB/s", held / seconds);
    Ok(())
}

/// An hour without a broker: a message a second, then a start, then all of it at once.
fn absence(folder: &Path) -> Result<(), SpoolError> {
    let options = SpoolOptions { sync: SyncPolicy::Interval { ms: 1000 }, ..SpoolOptions::bounded(256 << 20) };
    let at = |second: u64| Moment { wall_ms: second as i64 * 1000, elapsed_ms: second * 1000 };
    let path = folder.join("absence");
    let resident = || resident_bytes() as f64 / 1e6;
    let mut spool = Spool::open(&path, options, at(0))?;
    let payload = payload(MESSAGE_BYTES[1]);
    let before = resident();
    let started = Instant::now();
    for second in 0..3600 {
        spool.append(&payload, 200, at(second))?;
        spool.tend(at(second))?;
    }
    let (seconds, after) = (started.elapsed().as_secs_f64(), resident());
    let held = spool.stats(at(3600));
    println!("\nan hour without a broker: {} messages of {} bytes", held.records, payload.len());
    println!("  on disk {:.1} MB; written in {seconds:.2} s with {} syncs", held.bytes as f64 / 1e6, held.syncs);
    println!("  memory {before:.1} MB before, {after:.1} MB after");
    drop(spool);
    let started = Instant::now();
    let mut spool = Spool::open(&path, options, at(3600))?;
    println!("  opened again in {:.3} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let records = empty(&mut spool)?;
    println!("  {records} messages replayed in {:.3} s; memory {:.1} MB", started.elapsed().as_secs_f64(), resident());
    Ok(())
}

/// Reads all in windows and acknowledges each message; gives how many there were.
fn empty(spool: &mut Spool) -> Result<u64, SpoolError> {
    let mut records = 0;
    loop {
        let window = spool.read(spool.acked(), WINDOW)?;
        if window.is_empty() {
            return Ok(records);
        }
        for record in &window {
            spool.ack(record.position + 1)?;
            records += 1;
        }
    }
}

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index * 31 % 251) as u8).collect()
}

/// Memory of this process that is in use, as Linux says; 0 elsewhere.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
