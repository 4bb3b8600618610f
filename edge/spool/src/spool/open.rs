//! How a directory becomes a spool.

use std::collections::VecDeque;
use std::path::Path;

use super::Spool;
use super::room::Count;
use crate::SpoolError;
use crate::clock::{Moment, SpoolClock, Stamp, away_ms_max};
use crate::cursor::Cursor;
use crate::files::Files;
use crate::options::{OpenReport, SpoolOptions, SpoolStats};
use crate::scan::POSITIONS_MAX;
use crate::segment::{Found, Opened, Segment, first_of};

/// What a directory holds.
#[derive(Default)]
struct Contents {
    /// Oldest first.
    segments: VecDeque<Segment>,
    report: OpenReport,
    /// A position after all that any segment may have used.
    next: u64,
    /// The latest stamp of all.
    last: Option<Stamp>,
    trouble: Option<SpoolError>,
}

impl Spool {
    /// Opens a spool on a file system.
    pub(crate) fn open_on(
        files: Box<dyn Files>,
        directory: &Path,
        options: SpoolOptions,
        now: Moment,
    ) -> Result<Self, SpoolError> {
        files.create_directory(directory).map_err(SpoolError::directory(directory))?;
        let lock_path = directory.join("lock");
        let lock = files.lock(&lock_path).map_err(SpoolError::open(&lock_path))?;
        let lock = lock.ok_or_else(|| SpoolError::InUse { path: directory.to_owned() })?;
        let (cursor, acked) = Cursor::open(files.as_ref(), directory)?;
        let Contents { segments, report, next, last, trouble } = read_directory(files.as_ref(), directory)?;
        let clock = SpoolClock::resume(last, now, away_ms_max(options.max_age_ms));
        let now_ms = clock.at(now);
        let mut spool = Self {
            files,
            directory: directory.to_owned(),
            options,
            closed: segments,
            active: None,
            reader: None,
            unreadable: None,
            cursor,
            cursor_is_behind: false,
            clock,
            synced_at_ms: now_ms,
            next: next.max(acked),
            acked,
            stats: SpoolStats {
                cut_bytes: report.cut_bytes,
                damaged_records: report.damaged_records,
                ..SpoolStats::default()
            },
            opened: report,
            trouble,
            _lock: lock,
        };
        spool.begin(now_ms);
        Ok(spool)
    }

    /// Counts what waits, and drops what does not have to any more.
    fn begin(&mut self, now_ms: u64) {
        let waiting = Count::of(self.segments().flat_map(|segment| segment.between(self.acked, u64::MAX)));
        self.stats.records = waiting.records;
        self.stats.rows = waiting.rows;
        self.stats.waiting_bytes = waiting.bytes;
        self.expire(now_ms);
        self.delete_acked();
        (self.opened.records, self.opened.rows) = (self.stats.records, self.stats.rows);
    }
}

fn read_directory(files: &dyn Files, directory: &Path) -> Result<Contents, SpoolError> {
    let mut contents = Contents::default();
    let mut found = Vec::new();
    for listed in files.list(directory).map_err(SpoolError::directory(directory))? {
        let name = listed.path.file_name().and_then(|name| name.to_str());
        match first_of(&listed.path).filter(|_| listed.is_file) {
            Some(first) => found.push((first, listed.path)),
            None if matches!(name, Some("lock" | "acked")) => {}
            None => contents.report.alien_files.push(listed.path),
        }
    }
    found.sort();
    for (first, path) in found {
        // Also where the file turns out to be alien: a new segment must not take its name.
        contents.next = contents.next.max(first + POSITIONS_MAX);
        match Segment::open(files, path.clone(), first)? {
            Found::Alien => contents.report.alien_files.push(path),
            Found::Segment(Opened { segment, cut_bytes, damaged_records, last, trouble }) => {
                contents.segments.push_back(segment);
                contents.report.cut_bytes += cut_bytes;
                contents.report.damaged_records += damaged_records;
                contents.last = last.or(contents.last);
                contents.trouble = trouble.or(contents.trouble);
            }
        }
    }
    contents.report.alien_files.sort();
    Ok(contents)
}
