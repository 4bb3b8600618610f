//! Answers of a table that are remembered, keys without a row as well. Pure: the time is given.
//!
//! All answers hold equally long, so the oldest is the first that ends, and it is the first to go when there is no room.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use arrow::row::OwnedRow;
use headwater_core::lookup::LookupCache;

/// What an entry takes beside its key and its row, about.
const ENTRY_BYTES: usize = 160;

/// The remembered answers, by the bytes of their keys.
pub(super) struct Cache {
    settings: LookupCache,
    entries: HashMap<Arc<[u8]>, Entry>,
    /// The keys in the order of their answers; an answer that was replaced is there twice.
    order: VecDeque<(Arc<[u8]>, Instant)>,
    bytes: usize,
}

struct Entry {
    row: Option<OwnedRow>,
    at: Instant,
    bytes: usize,
}

impl Cache {
    pub(super) fn new(settings: LookupCache) -> Self {
        Cache { settings, entries: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// The answer for a key, if it is known: a row, or that there is none.
    pub(super) fn get(&self, key: &[u8], now: Instant) -> Option<Option<&OwnedRow>> {
        let entry = self.entries.get(key).filter(|entry| self.holds(entry.at, now))?;
        Some(entry.row.as_ref())
    }

    /// Remembers an answer.
    pub(super) fn put(&mut self, key: &[u8], row: Option<OwnedRow>, now: Instant) {
        let row_bytes = row.as_ref().map_or(0, |row| row.as_ref().len());
        let bytes = ENTRY_BYTES + key.len() + row_bytes;
        let key: Arc<[u8]> = key.into();
        self.bytes += bytes;
        if let Some(before) = self.entries.insert(key.clone(), Entry { row, at: now, bytes }) {
            self.bytes -= before.bytes;
        }
        self.order.push_back((key, now));
        self.make_room(now);
    }

    fn make_room(&mut self, now: Instant) {
        while let Some((_, at)) = self.order.front() {
            // Replaced answers leave their places behind: they must not become more than the answers.
            let crowded = self.order.len() > 2 * self.entries.len();
            if self.bytes <= self.settings.bytes_max && self.holds(*at, now) && !crowded {
                return;
            }
            let Some((key, at)) = self.order.pop_front() else { return };
            match self.entries.get(&key) {
                Some(entry) if entry.at == at => {
                    self.bytes -= entry.bytes;
                    self.entries.remove(&key);
                }
                _ => {}
            }
        }
    }

    fn holds(&self, at: Instant, now: Instant) -> bool {
        self.settings.ttl.is_none_or(|ttl| now.saturating_duration_since(at) < ttl)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arrow::array::{ArrayRef, StringArray};
    use arrow::datatypes::DataType;
    use arrow::row::{RowConverter, SortField};

    use super::*;

    fn row(text: &str) -> OwnedRow {
        let converter = RowConverter::new(vec![SortField::new(DataType::Utf8)]).unwrap();
        let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
        converter.convert_columns(&[column]).unwrap().row(0).owned()
    }

    fn cache(bytes_max: usize) -> Cache {
        Cache::new(LookupCache { bytes_max, ttl: Some(Duration::from_secs(5)) })
    }

    #[test]
    fn an_answer_holds_as_long_as_it_was_told_to() {
        let (mut cache, start) = (cache(1 << 20), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        cache.put(b"a", Some(row("x")), start);
        cache.put(b"none", None, start);
        assert_eq!(cache.get(b"a", after(4)), Some(Some(&row("x"))));
        assert_eq!(cache.get(b"none", after(4)), Some(None));
        assert_eq!(cache.get(b"b", after(4)), None);
        assert_eq!(cache.get(b"a", after(5)), None);
        cache.put(b"a", Some(row("y")), after(6));
        assert_eq!(cache.get(b"a", after(10)), Some(Some(&row("y"))));
        assert_eq!(cache.entries.len(), 1, "what no longer holds has gone");
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let (mut cache, start) = (cache(3 * (ENTRY_BYTES + 1)), Instant::now());
        for (key, seconds) in [(b"a", 0), (b"b", 1), (b"c", 2), (b"a", 3), (b"d", 4)] {
            cache.put(key, None, start + Duration::from_secs(seconds));
        }
        let now = start + Duration::from_secs(4);
        assert_eq!([b"a", b"b", b"c", b"d"].map(|key| cache.get(key, now).is_some()), [true, false, true, true]);
        assert_eq!(cache.bytes, 3 * (ENTRY_BYTES + 1));
    }

    #[test]
    fn a_key_that_is_asked_again_and_again_takes_no_more_room() {
        let (mut cache, start) = (cache(1 << 20), Instant::now());
        for number in 0..1000 {
            cache.put(b"a", None, start + Duration::from_millis(number));
        }
        assert!(cache.order.len() <= 2, "{}", cache.order.len());
        assert_eq!(cache.bytes, ENTRY_BYTES + 1);
    }
}
